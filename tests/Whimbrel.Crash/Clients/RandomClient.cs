using System.Text;
using System.Threading.Channels;
using Whimbrel.Crash.Judging;
using Whimbrel.Protocol;

namespace Whimbrel.Crash.Clients;

/// <summary>
/// A client that keeps its side of the protocol whatever happens to the broker: it remembers what it has in flight, comes back to its session
/// and sends again, in order. Everything that it does happens in one loop, woken by ticks and by what arrives.
/// </summary>
internal sealed partial class RandomClient
{
    private const int InFlightMax = 16;
    private const uint SessionExpirySeconds = 24 * 60 * 60;
    private const double PublishChance = 0.5;
    private const double ClearChance = 0.2;
    private const double LateAckChance = 0.3;

    private readonly ClientPlan _plan;
    private readonly IStage _stage;
    private readonly Random _random;
    private readonly Channel<Input> _inbox = Channel.CreateUnbounded<Input>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Outgoing _outgoing = new();
    private readonly Incoming _incoming;
    private readonly Subscriptions _subscriptions;
    private readonly Queue<Seen> _late = [];
    private readonly List<Connection> _replaced = [];
    private readonly List<Message> _wills = [];

    private Connection? _connection;
    private bool _isLive;
    private bool _mustBeginClean;
    private bool _nextIsPassing;
    private bool _isPassing;
    private int _life;
    private int _ticksAway;
    private Act? _done;
    private bool _awaitsPong;
    private Message? _armedWill;
    private bool _isWillDue;
    private int _tickPending;
    private int _quietIn = -1;

    public RandomClient(ClientPlan plan, IStage stage, int seed)
    {
        _plan = plan;
        _stage = stage;
        _random = new Random(seed);
        _incoming = new Incoming(plan.ReceiveMaximum ?? int.MaxValue);
        _subscriptions = new Subscriptions(plan.Filters);
    }

    public string Name => _plan.Name;

    /// <summary>Whether the client is connected, has done its part of the act, and waits for nothing.</summary>
    public bool IsQuietIn(Act act) => Volatile.Read(ref _quietIn) == (int)act;

    /// <summary>How it stands, for who waits for it in vain.</summary>
    public override string ToString()
    {
        string link = _connection is null ? "away" : _isLive ? "live" : "connecting";
        return $"{Name}: {link}, has done {_done}, {_outgoing.Count} out, {(_incoming.IsEmpty ? "none" : "some")} in, {_late.Count} acks late, {_subscriptions}";
    }

    /// <summary>Wakes the client, unless it has not yet seen the last tick.</summary>
    public void Tick()
    {
        if (Interlocked.Exchange(ref _tickPending, 1) == 0)
            _inbox.Writer.TryWrite(default);
    }

    public void Stop() => _inbox.Writer.TryComplete();

    /// <summary>Runs until it is stopped.</summary>
    public async Task RunAsync()
    {
        try
        {
            await foreach (Input input in _inbox.Reader.ReadAllAsync())
            {
                if (input.From is null)
                    await OnTickAsync();
                else if (input.From == _connection && input.Packet is not null)
                    OnPacket(input.Packet);
                else if (input.From == _connection)
                    OnEnd(input.Fault);
                if (_connection is not null)
                    await _connection.SendAsync();
            }
        }
        finally
        {
            _connection?.Dispose();
            DropReplaced();
        }
    }

    private async Task OnTickAsync()
    {
        Volatile.Write(ref _tickPending, 0);
        Act act = _stage.Act;
        if (_connection is null && WantsToReturn(act))
            await ConnectAsync();
        else if (_isLive)
            await PlayAsync(act);
        bool isQuiet = _isLive && _done == act && _outgoing.Count == 0 && _incoming.IsEmpty && _late.Count == 0 && _subscriptions.IsSettled && !_awaitsPong;
        Volatile.Write(ref _quietIn, isQuiet ? (int)act : -1);
    }

    private bool WantsToReturn(Act act)
    {
        if (_armedWill is not null && !_plan.HasLastingWill && !_stage.Oracle.WasReceived(_armedWill.Number))
        {
            // Nobody kills the broker between acts of load: now the will must come.
            if (act != Act.Load && !_isWillDue)
            {
                _isWillDue = true;
                Note(new Happening.WillDue(Name, _armedWill.Number));
            }

            return false;
        }

        _ticksAway = act == Act.Load ? Math.Max(0, _ticksAway - 1) : 0;
        return _ticksAway == 0 && _stage.Life != 0;
    }

    private async Task ConnectAsync()
    {
        int life = _stage.Life;
        if (life == 0)
            return;
        Connection? connection = await Connection.OpenAsync(_stage.Port, _plan.Version, _inbox.Writer);
        if (connection is null)
            return;
        if (_connection is not null)
            _replaced.Add(_connection);
        _connection = connection;
        Leave();
        _incoming.Resume(isSameLife: life == _life);
        _outgoing.Resume();
        _subscriptions.Resume();
        _life = life;

        bool isClean = _mustBeginClean || !_plan.IsDurable;
        bool isDurable = _plan.IsDurable && !_nextIsPassing;
        Note(new Happening.Connecting(Name, isClean, isDurable));
        Message? will = null;
        if (_plan.WillDelay is not null)
        {
            _wills.Add(will = _stage.NewMessage(_plan.WillTopic, QoS.ExactlyOnce, retain: false, 10));
            Note(new Happening.Publishing(Name, will));
        }

        bool is50 = _plan.Version == ProtocolVersion.Mqtt50;
        connection.Gather(new ConnectPacket
        {
            Version = _plan.Version,
            ClientId = Encoding.UTF8.GetBytes(Name),
            CleanStart = isClean,
            SessionExpirySeconds = is50 && isDurable ? SessionExpirySeconds : null,
            ReceiveMaximum = is50 ? _plan.ReceiveMaximum : null,
            HasWill = will is not null,
            WillTopic = Encoding.UTF8.GetBytes(will?.Topic ?? ""),
            WillPayload = Encoding.UTF8.GetBytes(will?.Payload ?? ""),
            WillQoS = will?.QoS ?? QoS.AtMostOnce,
            WillDelaySeconds = _plan.WillDelay ?? 0,
        });
    }

    private async Task PlayAsync(Act act)
    {
        while (_late.Count > 0 && (act != Act.Load || _random.NextDouble() < LateAckChance))
            Acknowledge(_late.Dequeue());

        switch (act)
        {
            case Act.Load:
                if (await MakeMischiefAsync())
                    return;
                if (_plan.Topics.Count > 0 && _outgoing.Count < InFlightMax && _random.NextDouble() < PublishChance)
                    Publish(_plan.Topics[_random.Next(_plan.Topics.Count)]);
                break;
            case Act.Gather:
                _subscriptions.WantAll();
                break;
            case Act.Probe when _done != act:
                foreach (PlannedTopic topic in _plan.Topics)
                    Publish(topic with { IsClearedAtTimes = false });
                break;
            case Act.Flush when _done != act:
                _connection!.Gather(new PingPacket(PacketType.PingReq));
                _awaitsPong = true;
                break;
            default:
                break;
        }

        _done = act;
        if (_subscriptions.Next() is { } request)
            Ask(request);
    }

    /// <summary>Does something that a client may do and a broker must bear. Returns whether the connection is no longer what it was.</summary>
    private async Task<bool> MakeMischiefAsync()
    {
        if (_plan.Filters.Count > 0 && _random.NextDouble() < _plan.ResubscribeChance)
            _subscriptions.Toggle(_plan.Filters[_random.Next(_plan.Filters.Count)]);
        if (_random.NextDouble() < _plan.TakeoverChance)
        {
            await ConnectAsync();
            return true;
        }

        if (_random.NextDouble() < _plan.CleanChance)
        {
            _mustBeginClean = true;
            _nextIsPassing = _plan.Version != ProtocolVersion.Mqtt50 || _random.Next(2) == 0;
        }
        else if (_random.NextDouble() >= _plan.CutChance)
        {
            return false;
        }

        if (_random.Next(3) == 0)
        {
            // A packet that never becomes whole: what it would have said was never said.
            _connection!.Gather(new PublishPacket { Topic = "torn"u8, QoS = QoS.AtLeastOnce, PacketId = 60_000, Payload = new byte[64] });
            await _connection.SendAsync(without: _random.Next(1, 64));
        }

        _connection!.Cut(reset: _random.Next(2) == 0);
        End();
        return true;
    }

    private void Publish(PlannedTopic topic)
    {
        int size = topic.IsClearedAtTimes && _random.NextDouble() < ClearChance ? 0 : _random.Next(10) switch
        {
            < 6 => _random.Next(10, 100),
            < 9 => _random.Next(100, 2_000),
            _ => _random.Next(2_000, 20_000),
        };
        Send(_outgoing.Begin(_stage.NewMessage(topic.Name, topic.QoS, topic.IsRetained, size)), isAgain: false);
    }

    private void Send(Flight flight, bool isAgain)
    {
        if (flight.IsReleased)
        {
            _connection!.Gather(new AckPacket { Type = PacketType.PubRel, PacketId = flight.PacketId });
            return;
        }

        Note(new Happening.Publishing(Name, flight.Message));
        _connection!.Gather(new PublishPacket
        {
            Topic = Encoding.UTF8.GetBytes(flight.Message.Topic),
            Payload = Encoding.UTF8.GetBytes(flight.Message.Payload),
            QoS = flight.Message.QoS,
            Retain = flight.Message.Retain,
            Duplicate = isAgain,
            PacketId = flight.PacketId,
        });
    }

    private void Ask(SubscriptionRequest request)
    {
        ushort packetId = _outgoing.BeginRequest();
        byte[] payload = [.. request.Filters.SelectMany(f => Encode(f, request.IsSubscribe))];
        if (request.IsSubscribe)
        {
            foreach (PlannedFilter filter in request.Filters)
                Note(new Happening.Subscribing(Name, filter.Filter));
            _connection!.Gather(new SubscribePacket { PacketId = packetId, EncodedFilters = payload });
        }
        else
        {
            foreach (PlannedFilter filter in request.Filters)
                Note(new Happening.Unsubscribing(Name, filter.Filter));
            _connection!.Gather(new UnsubscribePacket { PacketId = packetId, EncodedFilters = payload });
        }
    }

    private static IEnumerable<byte> Encode(PlannedFilter filter, bool withOptions)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(filter.Filter);
        IEnumerable<byte> text = [(byte)(utf8.Length >> 8), (byte)utf8.Length, .. utf8];
        return withOptions ? text.Append((byte)filter.QoS) : text;
    }

    /// <summary>The connection ended, by whomever; perhaps the client has had enough for a while.</summary>
    private void End()
    {
        _connection?.Dispose();
        _connection = null;
        Leave();
        DropReplaced();
        if (_random.NextDouble() < _plan.StayAwayChance)
            _ticksAway = _random.Next(20, 400);
    }

    private void Leave()
    {
        if (_isLive && _isPassing)
            ForgetSession();
        _isLive = false;
        _done = null;
        _awaitsPong = false;
        _late.Clear();
    }

    private void ForgetSession()
    {
        _outgoing.Forget();
        _incoming.Forget();
        _subscriptions.Forget();
    }

    private void DropReplaced()
    {
        _replaced.ForEach(connection => connection.Dispose());
        _replaced.Clear();
    }

    private void Note(Happening happening) => _stage.Oracle.Note(happening);
}
