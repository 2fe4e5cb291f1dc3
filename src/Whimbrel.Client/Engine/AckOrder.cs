using Whimbrel.Protocol;

namespace Whimbrel.Client.Engine;

/// <summary>
/// The received messages of QoS 1 and 2 of one connection whose acknowledgement has not left, in the order in which they came: handlers may
/// finish in any order, the wire keeps that of arrival [MQTT-4.6.0-2, MQTT-4.6.0-3]. Not thread-safe.
/// </summary>
internal sealed class AckOrder
{
    private Entry[] _entries = new Entry[16];
    private int _count;

    /// <summary>The number of the oldest entry. Numbers go on across connections.</summary>
    public long First { get; private set; } = 1;

    public long Next => First + _count;

    public int Count => _count;

    public ref Entry Head => ref _entries[First & (_entries.Length - 1)];

    public bool Holds(long number) => number >= First && number < Next;

    public ref Entry this[long number] => ref _entries[number & (_entries.Length - 1)];

    public long Add(in Entry entry)
    {
        if (_count == _entries.Length)
            Grow();
        long number = Next;
        this[number] = entry;
        _count++;
        return number;
    }

    public void RemoveHead()
    {
        First++;
        _count--;
    }

    /// <summary>The connection is gone: nothing that it brought can be acknowledged any more.</summary>
    public void Clear()
    {
        First = Next;
        _count = 0;
    }

    private void Grow()
    {
        var larger = new Entry[_entries.Length * 2];
        for (long number = First; number < Next; number++)
            larger[number & (larger.Length - 1)] = this[number];
        _entries = larger;
    }

    internal struct Entry
    {
        public ushort PacketId;
        public bool IsQoS2;

        /// <summary>How many recipients have not finished. QoS 2 counts them where they survive the connection.</summary>
        public int Owing;
        public bool IsDone;
        public ReasonCode Reason;

        /// <summary>The batch that must be safe before it leaves.</summary>
        public long Position;
    }
}
