using System.Buffers.Binary;
using System.Numerics;
using System.Text;
using Whimbrel.Protocol;

namespace Whimbrel.Cli.Bench.Load;

/// <summary>
/// Publishes on one topic, as fast as its window allows or by a timetable. A packet is copied from a template; only packet identifier
/// and stamp are written into it.
/// </summary>
internal sealed class Publisher
{
    /// <summary>Stands in a topic for a digit of the message's number; it is no character that a topic here would have.</summary>
    public const char Digit = '~';

    private readonly Traffic _traffic;
    private readonly LoadClient _client;
    private readonly byte[] _template;
    private readonly int _idOffset;
    private readonly int _payloadOffset;
    private readonly int _number;
    private readonly int _copies;
    private readonly int _window;
    private readonly bool _isAcknowledged;
    private readonly PublisherOptions _options;
    private readonly int _digits;
    private readonly int _digitsOffset;

    // When each unacknowledged message was due, by the low bits of its packet identifier.
    private readonly long[] _dues;
    private long _sequence;
    private long _outstanding;
    private long _outstandingSeen;
    private int _unacknowledged;
    private ushort _lastId;
    private bool _isListed;

    /// <param name="topic">Where it has a run of <see cref="Digit"/>, the number of the message stands in its place.</param>
    /// <param name="copies">How many receivers get each message.</param>
    public Publisher(Traffic traffic, LoadClient client, string topic, int copies, PublisherOptions? options = null)
    {
        _traffic = traffic;
        _client = client;
        _copies = copies;
        _number = traffic.Add(this);
        client.Publisher = this;
        var shape = traffic.Shape;
        _isAcknowledged = shape.QoS != QoS.AtMostOnce;
        _window = _isAcknowledged ? Math.Min(shape.Window, client.ReceiveMaximum) : shape.Window;
        _options = options ?? PublisherOptions.Usual;
        byte[] payload = new byte[_options.IsEmpty ? 0 : shape.PayloadBytes];
        for (int i = 0; i < payload.Length; i++)
            payload[i] = (byte)('a' + (i % 26));
        var packet = new PublishPacket { QoS = shape.QoS, PacketId = _isAcknowledged ? (ushort)1 : (ushort)0, Retain = _options.IsRetained, Topic = Encoding.UTF8.GetBytes(topic), Payload = payload };
        _template = new byte[packet.Measure(shape.Version)];
        packet.Write(_template, shape.Version);
        _payloadOffset = _template.Length - payload.Length;
        int topicOffset = 1 + PacketWriter.VariableByteIntegerLength((uint)_template.Length) + 2;
        _idOffset = topicOffset + topic.Length;
        _digits = topic.Count(c => c == Digit);
        _digitsOffset = topicOffset + topic.IndexOf(Digit, StringComparison.Ordinal);
        _dues = _isAcknowledged && copies == 0 ? new long[BitOperations.RoundUpToPowerOf2((uint)_window + 1)] : [];
    }

    /// <summary>Messages that were sent and not acknowledged.</summary>
    public int Unacknowledged => _unacknowledged;

    /// <summary>The connection is gone: nothing more can be expected.</summary>
    public bool IsGone => _client.Phase != ClientPhase.Connected;

    /// <summary>There may be room again.</summary>
    public void Refill()
    {
        if (_isListed || !_traffic.IsRunning)
            return;
        _isListed = true;
        _traffic.Loop.Fill(this);
    }

    /// <summary>Sends what the window, the timetable and the output allow.</summary>
    public void Fill(long now)
    {
        _isListed = false;
        if (IsGone || !_traffic.IsRunning)
            return;
        int waiting = _client.PendingBytes;
        long room = waiting == 0 ? Math.Max(1, LoadClient.OutputBytesMax / _template.Length) : (LoadClient.OutputBytesMax - waiting) / _template.Length;
        if (_isAcknowledged)
            room = Math.Min(room, _window - _unacknowledged);
        if (_traffic.IsPaced)
            room = Math.Min(room, _traffic.DueCount(_number, now) - _sequence);
        else if (_copies > 0)
            room = Math.Min(room, _window - ((_outstanding + _copies - 1) / _copies));
        room = Math.Min(room, _traffic.CountLeft);
        if (room <= 0)
            return;
        for (long i = 0; i < room; i++)
            Write(_traffic.IsPaced ? _traffic.DueTime(_number, _sequence) : now);
        _traffic.CountSent(room, _copies, _template.Length);

        // Nothing else would call for more.
        if (!_isAcknowledged && _copies == 0 && !_traffic.IsPaced)
            Refill();
    }

    /// <summary>PUBACK, PUBCOMP, or a PUBREC that refused.</summary>
    public void Acknowledged(ushort id, bool isRefused)
    {
        if (_unacknowledged == 0)
            return;
        _unacknowledged--;
        _traffic.CountAcknowledged();
        if (isRefused)
        {
            _traffic.CountRefused(_copies);
            _outstanding -= _copies;
        }
        else if (_dues.Length > 0)
        {
            _traffic.CountLatency(_dues[id & (_dues.Length - 1)]);
        }
    }

    /// <summary>A receiver has got one of its messages.</summary>
    public void Delivered()
    {
        _outstanding--;
        Refill();
    }

    /// <summary>Called once a second: what nobody has got since then is taken for lost, so that the window does not leak away.</summary>
    public void ForgetLost()
    {
        if (_outstanding > 0 && _outstanding == _outstandingSeen)
        {
            _outstanding = 0;
            Refill();
        }

        _outstandingSeen = _outstanding;
    }

    private void Write(long due)
    {
        var room = _client.Reserve(_template.Length);
        _template.CopyTo(room);
        if (_isAcknowledged)
        {
            _lastId = _lastId == ushort.MaxValue ? (ushort)1 : (ushort)(_lastId + 1);
            BinaryPrimitives.WriteUInt16BigEndian(room[_idOffset..], _lastId);
            _unacknowledged++;
            if (_dues.Length > 0)
                _dues[_lastId & (_dues.Length - 1)] = due;
        }

        if (_digits > 0)
            WriteNumber(room.Slice(_digitsOffset, _digits));
        if (!_options.IsEmpty)
            Stamp.Write(room[_payloadOffset..], due, _traffic.StampBase + _number, _sequence);
        _sequence++;
        _outstanding += _copies;
        _client.Commit(_template.Length);
    }

    private void WriteNumber(Span<byte> digits)
    {
        // A prime step goes through all of them in an order that no cache foresees.
        long number = _options.Topics == 0 ? _sequence : ((_sequence * 7919) + _number) % _options.Topics;
        for (int i = digits.Length - 1; i >= 0; i--)
        {
            digits[i] = (byte)('0' + (number % 10));
            number /= 10;
        }
    }
}

/// <summary>What is unusual about a publisher.</summary>
internal sealed record PublisherOptions
{
    public static PublisherOptions Usual { get; } = new();

    public bool IsRetained { get; init; }

    /// <summary>No payload, and so no stamp.</summary>
    public bool IsEmpty { get; init; }

    /// <summary>How many topics it publishes to, in no order; 0 for one after the other without end.</summary>
    public int Topics { get; init; }
}
