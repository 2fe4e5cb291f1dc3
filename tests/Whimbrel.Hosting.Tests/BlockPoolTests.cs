namespace Whimbrel.Hosting.Tests;

public class BlockPoolTests
{
    [Theory]
    [InlineData(0, 512)]
    [InlineData(512, 512)]
    [InlineData(513, 4096)]
    [InlineData(4097, 16 * 1024)]
    [InlineData(65_537, 256 * 1024)]
    [InlineData(1 << 20, 1 << 20)]
    [InlineData((1 << 20) + 1, (1 << 20) + 1)]
    public void A_block_is_of_the_smallest_class_that_is_large_enough(int asked, int given) =>
        Assert.Equal(given, new BlockPool().Rent(asked).Length);

    [Fact]
    public void The_block_that_came_back_last_is_given_first()
    {
        var pool = new BlockPool();
        byte[] first = pool.Rent(4096);
        byte[] second = pool.Rent(4096);
        pool.Return(first);
        pool.Return(second);
        Assert.Same(second, pool.Rent(4096));
        Assert.Same(first, pool.Rent(4096));
    }

    [Fact]
    public void No_class_keeps_more_than_its_bound()
    {
        var pool = new BlockPool(shelfBytesMax: 8 * 4096);
        var blocks = Enumerable.Range(0, 20).Select(_ => pool.Rent(4096)).ToList();
        blocks.ForEach(pool.Return);
        Assert.Equal(8 * 4096, pool.UnusedBytes);
    }

    [Fact]
    public void A_block_beyond_the_largest_class_is_not_kept()
    {
        var pool = new BlockPool();
        pool.Return(pool.Rent(BlockPool.LargestBlock + 1));
        Assert.Equal(0, pool.UnusedBytes);
    }

    [Fact]
    public void What_a_burst_left_goes_by_halves_while_nobody_needs_it()
    {
        var pool = new BlockPool();
        var blocks = Enumerable.Range(0, 16).Select(_ => pool.Rent(4096)).ToList();
        blocks.ForEach(pool.Return);
        pool.Trim();
        Assert.Equal(16, pool.UnusedBytes / 4096);
        pool.Trim();
        Assert.Equal(8, pool.UnusedBytes / 4096);
        for (int i = 0; i < 10; i++)
            pool.Trim();
        Assert.Equal(0, pool.UnusedBytes);
    }

    [Fact]
    public void What_is_needed_again_and_again_stays()
    {
        var pool = new BlockPool();
        for (int round = 0; round < 10; round++)
        {
            var blocks = Enumerable.Range(0, 16).Select(_ => pool.Rent(4096)).ToList();
            blocks.ForEach(pool.Return);
            pool.Trim();
        }

        Assert.Equal(16, pool.UnusedBytes / 4096);
    }
}
