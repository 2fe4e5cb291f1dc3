using System.Runtime.InteropServices;
using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.Simulation;

/// <summary>The broker's end of a wire.</summary>
internal sealed class SimulatedLink : Link
{
    private readonly SimulatedServer _server;
    private readonly Wire _wire;
    private readonly List<byte> _pending = [];
    private readonly List<byte> _unread = [];
    private readonly List<byte> _said = [];
    private byte[] _reserved = [];
    private bool _wakeWhenDrained;
    private bool _isPaused;
    private bool _isDone;

    public SimulatedLink(SimulatedServer server, Wire wire, long number)
    {
        _server = server;
        _wire = wire;
        Number = number;
        Watch = new LinkWatch(number);
        wire.ToServer.Received = Arrived;
        wire.ToClient.Drained = Pour;
        wire.ServerLost = () => Lost(wire.IsCut ? CloseCause.PeerReset("the simulated network broke") : CloseCause.PeerClosed);
    }

    /// <summary>A number that no link had before.</summary>
    public long Number { get; }

    /// <summary>What the checkers know about the connection.</summary>
    public LinkWatch Watch { get; }

    public override string Peer => $"{_wire.Client}/{Number}";

    public override string Listener => "mqtt://simulated";

    public override int PendingBytes => _pending.Count;

    public Connection Connection { get; set; } = null!;

    public ProtocolVersion Version { get; private set; }

    public string ClientId { get; private set; } = "";

    public bool IsClosed { get; private set; }

    /// <summary>Whether the broker was told that the network connection is gone: the last that happens to a link.</summary>
    public bool IsDone => _isDone;

    public bool IsWakePlanned { get; set; }

    public override Span<byte> Reserve(int size)
    {
        if (IsClosed)
            throw new ViolationException("closed link", $"the broker sends to {Peer}, which it has closed");
        _reserved = new byte[size];
        return _reserved;
    }

    public override void Commit(int count) => Append(_reserved.AsSpan(0, count));

    public override void SendShared(ReadOnlyMemory<byte> bytes) => Append(bytes.Span);

    public override void Flush() => Pour();

    public override void Close()
    {
        if (IsClosed)
            return;
        IsClosed = true;
        _server.Closing(this);
        Wake();
    }

    public override void Wake() => _server.Woke(this);

    public override void WakeWhenDrained()
    {
        _wakeWhenDrained = true;
        Pour();
    }

    /// <summary>The packets that were committed since the last call.</summary>
    public IReadOnlyList<Seen> TakeSaid()
    {
        var packets = new List<Seen>();
        ReadOnlySpan<byte> bytes = CollectionsMarshal.AsSpan(_said);
        while (!bytes.IsEmpty)
        {
            FrameStatus status = FrameReader.TryRead(bytes, uint.MaxValue, out Frame frame, out int length, out _);
            if (status != FrameStatus.Complete)
                throw new ViolationException("frames", $"the broker left a torn packet on {Peer}");
            packets.Add(Seen.From(frame, Version));
            bytes = bytes[length..];
        }

        _said.Clear();
        return packets;
    }

    /// <summary>What the reading thread does after it was woken.</summary>
    public void Serve()
    {
        if (_isDone)
            return;
        if (IsClosed)
        {
            // What is pending leaves first, if the peer takes it soon.
            if (_pending.Count == 0)
                CloseWire();
            else
                _server.World.Agenda.In(500, CloseWire);
            return;
        }

        _isPaused = false;
        _server.Do(turn =>
        {
            Connection.Woken(turn);
            Read(turn);
        });
    }

    /// <summary>The process is gone.</summary>
    public void Die()
    {
        _isDone = true;
        _wire.ServerDied();
    }

    private void CloseWire()
    {
        if (_isDone)
            return;
        _wire.ServerCloses();
        Lost(CloseCause.PeerClosed);
    }

    private void Arrived(byte[] bytes)
    {
        if (_isDone)
            return;
        _unread.AddRange(bytes);
        if (!_isPaused && !IsClosed)
            _server.Do(Read);
    }

    private void Read(Turn turn)
    {
        byte[] all = [.. _unread];
        ReceiveStatus status = Connection.Receive(all, turn, out int consumed, out _);
        Note(all.AsSpan(0, consumed));
        _unread.RemoveRange(0, consumed);
        _isPaused = status == ReceiveStatus.Paused;
    }

    /// <summary>What the broker has taken, for the model.</summary>
    private void Note(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty && FrameReader.TryRead(bytes, uint.MaxValue, out Frame frame, out int length, out _) == FrameStatus.Complete)
        {
            Heard heard = Heard.From(frame, Version, ClientId);
            if (heard.Type == PacketType.Connect)
                (Version, ClientId) = (heard.Version, heard.ClientId);
            _server.Heard(this, heard);
            bytes = bytes[length..];
        }
    }

    private void Lost(CloseCause cause)
    {
        if (_isDone)
            return;
        _isDone = true;
        IsClosed = true;
        _server.Lost(this, cause);
    }

    private void Append(ReadOnlySpan<byte> bytes)
    {
        if (_said.Count == 0)
            _server.Spoke(this);
        _said.AddRange(bytes);
        _pending.AddRange(bytes);
    }

    /// <summary>Gives to the operating system what it takes.</summary>
    private void Pour()
    {
        int count = Math.Min(_pending.Count, Pipe.Capacity - _wire.ToClient.Held);
        if (count > 0 && !_isDone)
        {
            _wire.ToClient.Send(CollectionsMarshal.AsSpan(_pending)[..count]);
            _pending.RemoveRange(0, count);
        }

        if (_pending.Count > 0 || !_wakeWhenDrained)
            return;
        _wakeWhenDrained = false;
        Wake();
    }
}
