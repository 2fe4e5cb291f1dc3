using System.Text;
using Whimbrel.Protocol;

namespace Whimbrel.Crash.Judging;

/// <summary>
/// Judges a broker by what its clients did and saw, in the order in which they told it. Whatever the clients cannot know for certain (a request
/// without an answer, because the broker was killed) is allowed to be either way. Pure, and for one thread.
/// </summary>
internal sealed class Checker
{
    private readonly Dictionary<int, Fate> _fates = [];
    private readonly Dictionary<string, Subscriber> _subscribers = [];
    private readonly Dictionary<string, List<Fate>> _retained = [];
    private readonly List<Violation> _violations = [];
    private long _now;

    public IReadOnlyList<Violation> Violations => _violations;

    /// <summary>Deliveries that acknowledged messages still owe to persistent sessions.</summary>
    public int Outstanding { get; private set; }

    /// <summary>Messages that a publisher was acknowledged.</summary>
    public int AcknowledgedCount { get; private set; }

    /// <summary>Messages that applications were handed.</summary>
    public int ReceivedCount { get; private set; }

    public void Observe(Happening happening)
    {
        _now++;
        switch (happening)
        {
            case Happening.Connecting e:
                OnConnecting(Of(e.Client), e.IsClean, e.IsDurable);
                break;
            case Happening.Connected e:
                OnConnected(Of(e.Client), e.SessionPresent);
                break;
            case Happening.Subscribing e:
                Of(e.Client).Ask(e.Filter, _now);
                break;
            case Happening.Subscribed e:
                Of(e.Client).Open(e.Filter)?.SureFrom(_now);
                break;
            case Happening.Unsubscribing e:
                OnUnsubscribing(Of(e.Client), e.Filter);
                break;
            case Happening.Unsubscribed e:
                if (Of(e.Client).Open(e.Filter) is { } ended)
                    ended.EndedAt = _now;
                break;
            case Happening.Publishing e:
                OnPublishing(e.Message);
                break;
            case Happening.Acknowledged e:
                AcknowledgedCount++;
                OnOwed(_fates[e.Number]);
                break;
            case Happening.Completed e:
                _fates[e.Number].SettledAt = _now;
                break;
            case Happening.WillDue e:
                OnOwed(_fates[e.Number]);
                break;
            case Happening.WillCancelled e:
                OnWillCancelled(e.Client, _fates[e.Number]);
                break;
            case Happening.Received e:
                OnReceived(Of(e.Client), e);
                break;
            case Happening.RetainedShown e:
                OnRetainedShown(Of(e.Client));
                break;
            case Happening.Breach e:
                Violate(e.Kind, e.Client, e.Text);
                break;
            default:
                break;
        }
    }

    /// <summary>Every delivery that is still outstanding is lost: nothing more is going to come.</summary>
    public void Conclude()
    {
        foreach (Subscriber subscriber in _subscribers.Values)
            LoseAll(subscriber, "it never came");
    }

    /// <summary>Whether anybody has been handed this message.</summary>
    public bool WasReceived(int number) => _fates.TryGetValue(number, out Fate? fate) && fate.Receipts > 0;

    /// <summary>Whether the client has been shown, on every topic, the retained message that must be there.</summary>
    public bool HasSeenRetained(string client) => !MissingRetained(Of(client)).Any();

    /// <summary>What is outstanding, in a few words.</summary>
    public string DescribeOutstanding()
    {
        var text = new StringBuilder();
        foreach (Subscriber subscriber in _subscribers.Values.Where(s => s.Owed.Count > 0))
            text.Append($"{subscriber.Client} still needs {subscriber.Owed.Count}, first {subscriber.Owed.Keys.Min()} on {_fates[subscriber.Owed.Keys.Min()].Message.Topic}; ");
        return text.ToString();
    }

    private void OnConnecting(Subscriber subscriber, bool isClean, bool isDurable)
    {
        // A session that ended with its connection leaves nothing, whatever the next CONNECT makes.
        if (!subscriber.IsDurable)
            subscriber.Forget();
        subscriber.IsClean = isClean;
        subscriber.IsDurable = isDurable;
        if (isClean)
        {
            // The session that there was may end now; what it was owed is nobody's any more.
            Outstanding -= subscriber.Owed.Count;
            subscriber.Owed.Clear();
            subscriber.Doubt();
            subscriber.Session = Existence.Unknown;
        }
        else if (subscriber.Session == Existence.Absent)
        {
            subscriber.Session = Existence.FirstAttempt;
        }
        else if (subscriber.Session == Existence.FirstAttempt)
        {
            subscriber.Session = Existence.Unknown;
        }
    }

    private void OnConnected(Subscriber subscriber, bool sessionPresent)
    {
        if (sessionPresent && (subscriber.IsClean || subscriber.Session == Existence.FirstAttempt))
            Violate(ViolationKind.SessionReturned, subscriber.Client, "session present, where there is none");
        if (!sessionPresent && !subscriber.IsClean && subscriber.Session == Existence.Present)
        {
            Violate(ViolationKind.SessionLost, subscriber.Client, "no session present");
            LoseAll(subscriber, "its session was lost");
        }

        if (!sessionPresent)
            subscriber.Forget();
        subscriber.Session = subscriber.IsDurable ? Existence.Present : Existence.Absent;
    }

    private void OnUnsubscribing(Subscriber subscriber, string filter)
    {
        subscriber.Open(filter)?.Doubt();

        // An unsubscribed session may be given what waited for it, or not.
        foreach ((int number, long sentAt) in subscriber.Owed.ToArray())
        {
            if (!subscriber.IsSurelySubscribed(_fates[number].Message.Topic, sentAt))
                Settle(subscriber, number);
        }
    }

    private void OnPublishing(Message message)
    {
        if (!_fates.TryGetValue(message.Number, out Fate? fate))
        {
            _fates.Add(message.Number, fate = new Fate(message, _now));
            if (message.Retain)
            {
                if (!_retained.TryGetValue(message.Topic, out List<Fate>? all))
                    _retained.Add(message.Topic, all = []);
                all.Add(fate);
            }
        }

        fate.LastSent = _now;
    }

    private void OnOwed(Fate fate)
    {
        fate.AcknowledgedAt = _now;
        if (fate.Message.QoS == QoS.AtLeastOnce)
            fate.SettledAt = _now;
        if (fate.Message.IsClear)
            return;

        // A QoS 2 message is routed once, perhaps the first time that it was sent; a QoS 1 message is routed each time.
        long routedAfter = fate.Message.QoS == QoS.ExactlyOnce ? fate.FirstSent : fate.LastSent;
        foreach (Subscriber subscriber in _subscribers.Values)
        {
            if (subscriber.IsDurable
                && !subscriber.Receipts.ContainsKey(fate.Message.Number)
                && subscriber.IsSurelySubscribed(fate.Message.Topic, routedAfter)
                && subscriber.Owed.TryAdd(fate.Message.Number, routedAfter))
            {
                Outstanding++;
            }
        }
    }

    private void OnWillCancelled(string client, Fate will)
    {
        will.IsCancelled = true;
        if (will.Receipts > 0)
            Violate(ViolationKind.WillNotCancelled, client, $"will {will.Message.Number} was published before it was due");
    }

    private void OnReceived(Subscriber subscriber, Happening.Received e)
    {
        ReceivedCount++;
        if (e.Payload.Length == 0)
        {
            if (!_retained.TryGetValue(e.Topic, out List<Fate>? all) || !all.Exists(f => f.Message.IsClear))
                Violate(ViolationKind.Corrupt, subscriber.Client, $"an empty payload on {e.Topic}");
            return;
        }

        if (!_fates.TryGetValue(Message.NumberIn(e.Payload), out Fate? fate) || fate.Message.Topic != e.Topic || fate.Message.Payload != e.Payload)
        {
            Violate(ViolationKind.Corrupt, subscriber.Client, $"{e.Payload.Length} bytes on {e.Topic} that nobody published");
            return;
        }

        fate.Receipts++;
        if (fate.IsCancelled)
            Violate(ViolationKind.WillNotCancelled, subscriber.Client, $"will {fate.Message.Number} came though its client had returned");
        if (e.Retain)
            OnReplay(subscriber, fate, e.QoS);
        else
            OnLive(subscriber, fate, e.QoS);
    }

    private void OnLive(Subscriber subscriber, Fate fate, QoS qos)
    {
        Message message = fate.Message;
        if (!subscriber.MayHaveSubscribed(message.Topic, fate))
            Violate(ViolationKind.Uncalled, subscriber.Client, $"message {message.Number} on {message.Topic}");

        if (subscriber.Receive(message.Number, qos) is { } before)
        {
            // Each transmission of a QoS 1 publish is a message of its own to the broker; what was published with QoS 2 is one.
            if (message.QoS == QoS.ExactlyOnce && (qos == QoS.ExactlyOnce || before == QoS.ExactlyOnce))
                Violate(ViolationKind.Repeated, subscriber.Client, $"message {message.Number} on {message.Topic} came twice");
            return;
        }

        if (subscriber.Latest.TryGetValue((message.Topic, qos), out int latest) && latest > message.Number)
        {
            if (subscriber.IsSurelySubscribed(message.Topic, fate.FirstSent))
                Violate(ViolationKind.OutOfOrder, subscriber.Client, $"message {message.Number} on {message.Topic} came after {latest}");
        }
        else
        {
            subscriber.Latest[(message.Topic, qos)] = message.Number;
        }

        if (subscriber.Owed.ContainsKey(message.Number))
            Settle(subscriber, message.Number);
    }

    private void OnReplay(Subscriber subscriber, Fate fate, QoS qos)
    {
        Message message = fate.Message;
        subscriber.Replayed[message.Topic] = message.Number;
        (int asks, long askedAt) = subscriber.Asks(message.Topic);
        if (asks == 0 || !message.Retain)
        {
            Violate(ViolationKind.Uncalled, subscriber.Client, $"message {message.Number} on {message.Topic} as retained");
            return;
        }

        int replays = subscriber.Replays[message.Number] = subscriber.Replays.GetValueOrDefault(message.Number) + 1;
        if (qos == QoS.ExactlyOnce && replays > asks)
            Violate(ViolationKind.Repeated, subscriber.Client, $"retained message {message.Number} on {message.Topic} came {replays} times to {asks} subscriptions");
        if (_retained[message.Topic].FindLast(f => f.AcknowledgedAt < askedAt) is { } newest && newest.Message.Number > message.Number)
            Violate(ViolationKind.RetainedStale, subscriber.Client, $"message {message.Number} on {message.Topic}, where {newest.Message.Number} was retained");
    }

    private void OnRetainedShown(Subscriber subscriber)
    {
        foreach ((string topic, Fate due, int shown) in MissingRetained(subscriber))
            Violate(ViolationKind.RetainedLost, subscriber.Client, $"{topic} shows {(shown < 0 ? "nothing" : shown)}, where {due.Message.Number} was acknowledged");
        foreach ((string topic, List<Fate> all) in _retained)
        {
            if (all.FindLast(f => f.AcknowledgedAt < long.MaxValue) is { Message.IsClear: true } clear
                && subscriber.Replayed.TryGetValue(topic, out int shown) && shown < clear.Message.Number)
            {
                Violate(ViolationKind.RetainedLost, subscriber.Client, $"{topic} shows {shown}, which {clear.Message.Number} had cleared");
            }
        }
    }

    /// <summary>Topics whose last acknowledged message is not shown, nor one that was published after it.</summary>
    private IEnumerable<(string Topic, Fate Due, int Shown)> MissingRetained(Subscriber subscriber)
    {
        foreach ((string topic, List<Fate> all) in _retained)
        {
            Fate? due = all.FindLast(f => f.AcknowledgedAt < long.MaxValue);
            int shown = subscriber.Replayed.GetValueOrDefault(topic, -1);
            if (due is { Message.IsClear: false } && shown < due.Message.Number && !all.Exists(f => f.Message.IsClear && f.Message.Number > due.Message.Number))
                yield return (topic, due, shown);
        }
    }

    private void Settle(Subscriber subscriber, int number)
    {
        subscriber.Owed.Remove(number);
        Outstanding--;
    }

    private void LoseAll(Subscriber subscriber, string why)
    {
        foreach (int number in subscriber.Owed.Keys.Order().ToArray())
        {
            Violate(ViolationKind.Lost, subscriber.Client, $"message {number} on {_fates[number].Message.Topic}: {why}");
            Settle(subscriber, number);
        }
    }

    private void Violate(ViolationKind kind, string client, string text) => _violations.Add(new Violation(kind, client, text));

    private Subscriber Of(string client)
    {
        if (!_subscribers.TryGetValue(client, out Subscriber? subscriber))
            _subscribers.Add(client, subscriber = new Subscriber(client));
        return subscriber;
    }
}
