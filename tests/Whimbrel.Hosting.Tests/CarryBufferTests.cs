namespace Whimbrel.Hosting.Tests;

public class CarryBufferTests
{
    private readonly BlockPool _pool = new();

    [Fact]
    public void The_beginning_of_a_frame_costs_a_small_block()
    {
        var carry = default(CarryBuffer);
        carry.Keep([1, 2, 3], 0, _pool);
        Assert.Equal([1, 2, 3], carry.Bytes.ToArray());
        carry.Release(_pool);
        Assert.Equal(512, _pool.UnusedBytes);
    }

    [Fact]
    public void A_frame_that_announces_much_gets_room_only_for_what_arrives()
    {
        var carry = default(CarryBuffer);
        carry.Keep([1, 2, 3, 4, 5], 200_000_000, _pool);
        Assert.InRange(carry.Room(_pool).Length, 1, 4096);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(777)]
    [InlineData(65_536)]
    public void A_long_frame_is_put_together_from_any_pieces(int piece)
    {
        byte[] frame = [.. Enumerable.Range(0, 300_000).Select(i => (byte)(i * 7))];
        var carry = default(CarryBuffer);
        carry.Keep(frame.AsSpan(0, 1), frame.Length, _pool);
        while (carry.Length < frame.Length)
        {
            var room = carry.Room(_pool);
            int count = Math.Min(Math.Min(piece, room.Length), frame.Length - carry.Length);
            frame.AsSpan(carry.Length, count).CopyTo(room);
            carry.Added(count);
        }

        Assert.True(carry.Bytes.SequenceEqual(frame));
    }

    [Fact]
    public void The_end_of_what_it_holds_can_be_kept_instead_of_all()
    {
        var carry = default(CarryBuffer);
        carry.Keep([1, 2, 3, 4, 5, 6], 0, _pool);
        carry.Keep(carry.Bytes[2..], 9, _pool);
        Assert.Equal([3, 4, 5, 6], carry.Bytes.ToArray());
        Assert.Equal(9, carry.FrameLength);
    }

    [Fact]
    public void Keeping_nothing_gives_the_block_back()
    {
        var carry = default(CarryBuffer);
        carry.Keep(new byte[5000], 9000, _pool);
        carry.Keep([], 0, _pool);
        Assert.Equal(0, carry.Length);
        Assert.Equal(0, carry.FrameLength);
        Assert.Equal(16 * 1024, _pool.UnusedBytes);
    }
}
