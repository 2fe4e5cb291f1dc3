using Whimbrel.Broker;

namespace Whimbrel.Tests;

/// <summary>A link whose network is a list of bytes. What the broker sends arrives at once, unless the peer has stopped reading.</summary>
internal sealed class TestLink(TestBroker broker) : Link
{
    private readonly List<byte> _pending = [];
    private readonly List<byte> _unread = [];
    private byte[] _reserved = [];
    private bool _wakeWhenDrained;
    private bool _closedSeen;

    public override string Peer => "test:1";

    public override string Listener => "mqtt://test";

    public override AckContract AckContract => broker.AckContract;

    public override int PendingBytes => _pending.Count;

    public Connection Connection { get; set; } = null!;

    /// <summary>Bytes that have arrived at the client.</summary>
    public List<byte> Arrived { get; } = [];

    /// <summary>Whether the client reads. What it does not read stays pending at the broker.</summary>
    public bool PeerReads { get; set; } = true;

    public bool IsClosed { get; private set; }

    public override Span<byte> Reserve(int size)
    {
        Assert.False(IsClosed, "the broker sends to a link that it has closed");
        _reserved = new byte[size];
        return _reserved;
    }

    public override void Commit(int count)
    {
        Assert.True(count == 0 || count == _reserved.Length, "half a frame");
        _pending.AddRange(_reserved.AsSpan(0, count));
    }

    public override void SendShared(ReadOnlyMemory<byte> bytes) => _pending.AddRange(bytes.Span);

    public override void Flush()
    {
        if (!PeerReads)
            return;
        Arrived.AddRange(_pending);
        _pending.Clear();
        if (_wakeWhenDrained)
        {
            _wakeWhenDrained = false;
            Wake();
        }
    }

    public override void Close()
    {
        IsClosed = true;
        Wake();
    }

    public override void Wake() => broker.Woken.Add(this);

    public override void WakeWhenDrained() => _wakeWhenDrained = true;

    /// <summary>What the reading thread does with new bytes, and after it was woken.</summary>
    public void Receive(ReadOnlySpan<byte> bytes, Turn turn)
    {
        _unread.AddRange(bytes);
        byte[] all = [.. _unread];
        ReceiveStatus status = Connection.Receive(all, turn, out int consumed, out _);
        _unread.RemoveRange(0, status == ReceiveStatus.Ended ? _unread.Count : consumed);
    }

    public void Serve(Turn turn)
    {
        if (IsClosed)
        {
            NetworkEnded(CloseCause.PeerClosed, turn);
            return;
        }

        Connection.Woken(turn);
        Receive([], turn);
    }

    public void NetworkEnded(CloseCause cause, Turn turn)
    {
        if (_closedSeen)
            return;
        _closedSeen = true;
        IsClosed = true;
        Connection.Closed(cause, turn);
    }
}
