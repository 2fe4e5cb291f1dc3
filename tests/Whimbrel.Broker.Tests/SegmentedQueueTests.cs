namespace Whimbrel.Broker.Tests;

public class SegmentedQueueTests
{
    [Fact]
    public void It_gives_back_what_was_put_in_in_order_whatever_its_length_was_meanwhile()
    {
        var queue = new SegmentedQueue<int>();
        var expected = new Queue<int>();
        var random = new Random(7);
        for (int i = 0; i < 200_000; i++)
        {
            // It grows to thousands and comes back to nothing again and again.
            bool grows = (i / 5000 & 1) == 0;
            if (random.Next(10) < (grows ? 8 : 2))
            {
                queue.Enqueue(i);
                expected.Enqueue(i);
            }
            else
            {
                Assert.Equal(expected.TryPeek(out int next), queue.TryPeek(out int peeked));
                Assert.Equal(next, peeked);
                Assert.Equal(expected.TryDequeue(out next), queue.TryDequeue(out int taken));
                Assert.Equal(next, taken);
            }

            Assert.Equal(expected.Count, queue.Count);
        }
    }

    [Fact]
    public void What_was_taken_out_is_not_held_any_more()
    {
        var queue = new SegmentedQueue<object>();
        WeakReference taken = Take(queue);
        GC.Collect();
        Assert.False(taken.IsAlive);
        Assert.Equal(1, queue.Count);
    }

    private static WeakReference Take(SegmentedQueue<object> queue)
    {
        queue.Enqueue(new object());
        queue.Enqueue(new object());
        queue.TryDequeue(out object? first);
        return new WeakReference(first);
    }
}
