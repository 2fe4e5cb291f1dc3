using System.Diagnostics.CodeAnalysis;

namespace Whimbrel.Broker;

/// <summary>
/// A queue of small values in arrays of at most 256 that follow each other: growing moves nothing, whatever the length, and an array is let
/// go as soon as it is empty. Not thread-safe.
/// </summary>
internal sealed class SegmentedQueue<T>
{
    private const int FirstLength = 4;
    private const int LengthMax = 256;

    private Segment _first = new(FirstLength);
    private Segment _last;

    // Where the next one is taken from the first segment, and put into the last.
    private int _head;
    private int _tail;

    public SegmentedQueue() => _last = _first;

    public int Count { get; private set; }

    public void Enqueue(in T item)
    {
        if (_tail == _last.Items.Length)
        {
            var next = new Segment(Math.Min(_last.Items.Length * 4, LengthMax));
            _last.Next = next;
            _last = next;
            _tail = 0;
        }

        _last.Items[_tail++] = item;
        Count++;
    }

    public bool TryPeek([MaybeNullWhen(false)] out T item)
    {
        item = Count > 0 ? _first.Items[_head] : default;
        return Count > 0;
    }

    public bool TryDequeue([MaybeNullWhen(false)] out T item)
    {
        if (!TryPeek(out item))
            return false;
        _first.Items[_head++] = default!;
        Count--;
        if (Count == 0)
        {
            _first = _last;
            _head = _tail = 0;
        }
        else if (_head == _first.Items.Length)
        {
            _first = _first.Next!;
            _head = 0;
        }

        return true;
    }

    private sealed class Segment(int length)
    {
        public T[] Items { get; } = new T[length];

        public Segment? Next { get; set; }
    }
}
