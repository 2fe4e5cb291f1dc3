namespace Whimbrel.Hosting.Tests;

public class OutputBufferTests
{
    private readonly BlockPool _pool = new();
    private OutputBuffer _output;

    public OutputBufferTests() => _output = new OutputBuffer(_pool);

    [Fact]
    public void Small_frames_lie_in_one_block_in_order()
    {
        Write([1, 2, 3]);
        Write([4]);
        Assert.True(_output.TryGetContiguous(out var bytes));
        Assert.Equal([1, 2, 3, 4], bytes.ToArray());
        Assert.Equal(4, _output.PendingBytes);
    }

    [Fact]
    public void Committing_less_than_was_reserved_takes_only_that()
    {
        _output.Reserve(100)[0] = 7;
        _output.Commit(1);
        Assert.Equal([7], Pending());
    }

    [Fact]
    public void Committing_nothing_leaves_no_block_behind()
    {
        _output.Reserve(100);
        _output.Commit(0);
        Assert.Equal(0, _output.PendingBytes);
        Assert.Equal(BlockPool.OutputBlock, _pool.UnusedBytes);
    }

    [Fact]
    public void A_drained_buffer_gives_its_blocks_back()
    {
        for (int i = 0; i < 100; i++)
            Write(new byte[3000]);
        Assert.Equal(0, _pool.UnusedBytes);
        _output.Advance(_output.PendingBytes);
        Assert.Equal(0, _output.PendingBytes);
        Assert.True(_pool.UnusedBytes >= 300_000);
    }

    [Fact]
    public void Blocks_grow_so_that_few_segments_carry_much()
    {
        for (int i = 0; i < 1000; i++)
            Write(new byte[256]);
        var segments = new OutputBuffer.Segment[32];
        Assert.InRange(_output.Gather(segments), 2, 6);
    }

    [Fact]
    public void A_frame_larger_than_every_block_gets_one_of_its_size()
    {
        byte[] large = [.. Enumerable.Range(0, 3_000_000).Select(i => (byte)(i * 31))];
        Write([9]);
        Write(large);
        Assert.Equal([9, .. large], Pending());
    }

    [Fact]
    public void Shared_bytes_go_by_reference_between_the_frames_around_them()
    {
        byte[] shared = [10, 11, 12];
        Write([1]);
        _output.Append(shared);
        Write([2]);
        Assert.Equal([1, 10, 11, 12, 2], Pending());
        var segments = new OutputBuffer.Segment[8];
        Assert.Equal(3, _output.Gather(segments));
        shared[0] = 99;
        Assert.Equal(99, segments[1].Bytes.Span[0]);
        Assert.False(segments[1].Pinned);
        Assert.True(segments[0].Pinned);
    }

    [Fact]
    public void Empty_shared_bytes_are_nothing()
    {
        _output.Append(ReadOnlyMemory<byte>.Empty);
        Assert.Equal(0, _output.PendingBytes);
        Assert.True(_output.TryGetContiguous(out _));
    }

    [Fact]
    public void A_sealed_buffer_keeps_what_is_pending_and_takes_nothing_more()
    {
        Write([1, 2]);
        _output.Seal();
        Write([3]);
        _output.Append(new byte[] { 4 });
        Assert.Equal([1, 2], Pending());
        Write(new byte[10_000]);
        _output.Advance(2);
        Assert.Equal(0, _output.PendingBytes);
    }

    [Fact]
    public void A_closed_buffer_drops_everything()
    {
        Write([1, 2]);
        _output.Append(new byte[5000]);
        _output.Close();
        Write([3]);
        Assert.Equal(0, _output.PendingBytes);
        Assert.True(_pool.UnusedBytes > 0);
    }

    [Fact]
    public void What_is_lent_stays_where_it_is_although_the_buffer_is_closed()
    {
        Write([1, 2]);
        _output.Enter();
        _output.Lend();
        Assert.True(_output.TryGetContiguous(out var bytes));
        _output.Exit();
        _output.Enter();
        _output.Close();
        _output.Exit();
        Write([3]);
        Assert.Equal(0, _pool.UnusedBytes);
        Assert.Equal([1, 2], bytes.ToArray());
        _output.Enter();
        _output.Settle(1);
        _output.Exit();
        Assert.Equal(0, _output.PendingBytes);
        Assert.Equal(BlockPool.OutputBlock, _pool.UnusedBytes);
    }

    [Fact]
    public void Any_mixture_of_frames_shared_bytes_and_partial_sends_keeps_every_byte_in_order()
    {
        for (int seed = 0; seed < 60; seed++)
        {
            var random = new Random(seed);
            var expected = new List<byte>();
            var sent = new List<byte>();
            var segments = new OutputBuffer.Segment[random.Next(1, 33)];
            for (int step = 0; step < 300; step++)
            {
                switch (random.Next(3))
                {
                    case 0:
                        Put();
                        break;
                    case 1:
                        Send(segments, random.Next(_output.PendingBytes + 1), sent, () => { });
                        break;
                    default:
                        Send(segments, random.Next(_output.PendingBytes + 1), sent, Put);
                        break;
                }

                Assert.Equal(expected.Count - sent.Count, _output.PendingBytes);
            }

            while (_output.PendingBytes > 0)
                Send(segments, random.Next(_output.PendingBytes + 1), sent, () => { });
            Assert.True(expected.SequenceEqual(sent), $"seed {seed}");

            void Put()
            {
                byte[] bytes = new byte[random.Next(4) switch { 0 => random.Next(10), 1 => random.Next(300), 2 => random.Next(5000), _ => random.Next(70_000) }];
                random.NextBytes(bytes);
                expected.AddRange(bytes);
                if (random.Next(2) == 0)
                    Write(bytes);
                else
                    _output.Append(bytes);
            }
        }
    }

    private void Write(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(_output.Reserve(bytes.Length));
        _output.Commit(bytes.Length);
    }

    private byte[] Pending()
    {
        byte[] all = new byte[_output.PendingBytes];
        Assert.Equal(all.Length, _output.CopyTo(all));
        return all;
    }

    /// <summary>What a kernel does that takes at most so many bytes, while others append.</summary>
    private void Send(OutputBuffer.Segment[] segments, int most, List<byte> sent, Action meanwhile)
    {
        uint before = _output.SentBytes;
        bool isOne = _output.TryGetContiguous(out var bytes);
        int count = isOne ? 0 : _output.Gather(segments);
        _output.Lend();
        meanwhile();
        int taken = isOne ? Math.Min(most, bytes.Length) : 0;
        sent.AddRange(bytes[..taken]);
        for (int i = 0; i < count && taken < most; i++)
        {
            Assert.False(segments[i].Bytes.IsEmpty);
            int part = Math.Min(most - taken, segments[i].Bytes.Length);
            sent.AddRange(segments[i].Bytes.Span[..part]);
            taken += part;
        }

        _output.Settle(taken);
        Assert.Equal((uint)taken, _output.SentBytes - before);
    }
}
