using System.Buffers.Binary;
using Whimbrel.Cli.Connections;
using Whimbrel.Protocol;

namespace Whimbrel.Cli.Bench.Load;

/// <summary>How far a connection is.</summary>
internal enum ClientPhase
{
    Idle,

    /// <summary>TCP connects, or CONNECT has been sent.</summary>
    Connecting,
    Connected,

    /// <summary>Ended, by the broker or by us.</summary>
    Closed,
}

/// <summary>One connection of the load. Loop thread only. This part is the socket; the packets are in the other.</summary>
internal sealed partial class LoadClient
{
    /// <summary>Output that a publisher may have waiting here.</summary>
    public const int OutputBytesMax = 256 * 1024;

    private readonly LoadLoop _loop;
    private readonly LoadTarget _target;
    private readonly int _token;
    private int _fd = -1;
    private byte[] _carry = [];
    private int _carried;
    private byte[] _output = [];
    private int _outputStart;
    private int _outputEnd;
    private bool _isListed;
    private bool _isBlocked;

    public LoadClient(LoadLoop loop, LoadTarget target, string id)
    {
        _loop = loop;
        _target = target;
        Id = id;
        _token = loop.Place(this);
    }

    public string Id { get; }

    public ClientPhase Phase { get; private set; }

    /// <summary>Why the connection ended, if the broker or the network ended it.</summary>
    public string? Broken { get; private set; }

    public int PendingBytes => _outputEnd - _outputStart;

    /// <summary>Begins a connection; <see cref="Answered"/> tells its end.</summary>
    public void Connect()
    {
        _carried = 0;
        _outputStart = _outputEnd = 0;
        _isBlocked = true;
        _requests.Clear();
        Unanswered = 0;
        Broken = null;
        Phase = ClientPhase.Connecting;
        StartedAt = _loop.Look();
        _fd = LoadSystem.Open(_target.Address);
        int result = _fd;
        if (result >= 0 && _target.NextSource() is { } source)
            result = LoadSystem.Bind(_fd, source);
        if (result >= 0)
            result = LoadSystem.Connect(_fd, _target.Address);
        if (result is < 0 and not -LoadSystem.InProgress and not -LoadSystem.TryAgain)
        {
            End(LoadSystem.Describe(-result));
            return;
        }

        WriteConnect();
        _loop.Poll.Add(_fd, LoadPoll.In | LoadPoll.Out, _token);
    }

    /// <summary>Room for a packet of this size; to be followed by <see cref="Commit"/>.</summary>
    public Span<byte> Reserve(int size)
    {
        if (_output.Length - _outputEnd < size)
            MakeRoom(size);
        return _output.AsSpan(_outputEnd);
    }

    public void Commit(int count)
    {
        _outputEnd += count;
        if (_isListed || _isBlocked)
            return;
        _isListed = true;
        _loop.Send(this);
    }

    /// <summary>Sends what waits. What the kernel does not take stays until it does.</summary>
    public void Flush()
    {
        _isListed = false;
        if (_isBlocked || _fd < 0)
            return;
        SendPending();
        if (PendingBytes > 0 && Phase != ClientPhase.Closed)
        {
            _isBlocked = true;
            _loop.Poll.Change(_fd, LoadPoll.In | LoadPoll.Out, _token);
        }
    }

    public void OnEvents(uint events)
    {
        if (_fd < 0)
            return;
        if (_isBlocked && (events & ~LoadPoll.In) != 0)
        {
            SendPending();
            if (_fd < 0)
                return;
            if (PendingBytes == 0)
            {
                _isBlocked = false;
                _loop.Poll.Change(_fd, LoadPoll.In, _token);
            }

            Publisher?.Refill();
        }

        if ((events & ~LoadPoll.Out) != 0)
            Read();
    }

    /// <summary>Reads nothing more, so that what is sent to it piles up.</summary>
    public void Hold() => _loop.Poll.Change(_fd, 0, _token);

    /// <summary>Says DISCONNECT and closes.</summary>
    public void Disconnect()
    {
        if (Phase == ClientPhase.Connected)
        {
            Write(new DisconnectPacket());
            SendPending();
        }

        Drop();
    }

    /// <summary>Closes without a word.</summary>
    public void Drop()
    {
        Phase = ClientPhase.Closed;
        if (_fd >= 0)
            LoadSystem.Close(_fd);
        _fd = -1;
        _outputStart = _outputEnd = 0;
    }

    private void SendPending()
    {
        while (PendingBytes > 0 && _fd >= 0)
        {
            int sent = LoadSystem.Send(_fd, _output.AsSpan(_outputStart, PendingBytes));
            if (sent == -LoadSystem.TryAgain || (sent == -LoadSystem.NotConnected && Phase == ClientPhase.Connecting))
                return;
            if (sent == -LoadSystem.Interrupted)
                continue;
            if (sent < 0)
            {
                End(LoadSystem.Describe(-sent));
                return;
            }

            _outputStart += sent;
        }

        _outputStart = _outputEnd = 0;
    }

    private void Read()
    {
        // A long packet is gathered in its own buffer, everything else passes through the loop's.
        bool isOwn = _carried > LoadLoop.PrefixBytes;
        var room = isOwn ? _carry.AsSpan(_carried) : _loop.Buffer.AsSpan(LoadLoop.PrefixBytes);
        int got = LoadSystem.Receive(_fd, room);
        if (got is -LoadSystem.TryAgain or -LoadSystem.Interrupted)
            return;
        if (got <= 0)
        {
            End(got == 0 ? "the broker closed the connection" : LoadSystem.Describe(-got));
            return;
        }

        _loop.Look();
        Span<byte> bytes;
        if (isOwn)
        {
            bytes = _carry.AsSpan(0, _carried + got);
        }
        else
        {
            int start = LoadLoop.PrefixBytes - _carried;
            _carry.AsSpan(0, _carried).CopyTo(_loop.Buffer.AsSpan(start));
            bytes = _loop.Buffer.AsSpan(start, _carried + got);
        }

        int rest = bytes.Length - Handle(bytes, out int needed);
        if (_fd >= 0)
            Keep(bytes[^rest..], needed);
    }

    private void Keep(ReadOnlySpan<byte> rest, int needed)
    {
        if (rest.Length > 0)
        {
            // Once in its own buffer there must be room for the whole packet; something more, so that few small reads remain.
            int wanted = rest.Length > LoadLoop.PrefixBytes ? Math.Max(needed, rest.Length + 1) : rest.Length;
            if (_carry.Length < wanted)
                Array.Resize(ref _carry, Math.Max(wanted, 256));
            rest.CopyTo(_carry);
        }

        _carried = rest.Length;
    }

    private void MakeRoom(int size)
    {
        int pending = PendingBytes;
        if (_output.Length < pending + size)
        {
            byte[] larger = new byte[Math.Max(pending + size, Math.Max(128, _output.Length * 2))];
            _output.AsSpan(_outputStart, pending).CopyTo(larger);
            _output = larger;
        }
        else
        {
            _output.AsSpan(_outputStart, pending).CopyTo(_output);
        }

        _outputStart = 0;
        _outputEnd = pending;
    }

    /// <summary>The connection has ended, and not by us.</summary>
    private void End(string why)
    {
        var phase = Phase;
        Drop();
        Broken = why;
        Ended?.Invoke(this, phase);
    }

    private static ushort ReadUInt16(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt16BigEndian(bytes);

    private static string Name(ReasonCode reason) => ReasonText.Describe(reason);
}
