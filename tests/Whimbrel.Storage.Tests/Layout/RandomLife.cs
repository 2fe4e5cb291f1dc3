using System.Text;
using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.Storage.Tests;

/// <summary>What sessions go through, made up from a seed and put into a real journal.</summary>
internal sealed class RandomLife(int seed)
{
    private readonly Random _random = new(seed);
    private readonly List<Life> _lives = [];
    private readonly List<byte[]> _topics = [];
    private long _lastWill;

    public Journal Journal { get; } = new();

    public bool Chance(double of) => _random.NextDouble() < of;

    /// <summary>One thing happens.</summary>
    public void Step()
    {
        int what = _random.Next(20);
        if (_lives.Count == 0 || (what == 0 && _lives.Count < 6))
            Begin();
        else if (what < 8)
            Publish();
        else if (what == 8)
            Retain();
        else
            Step(Pick(_lives), what);
    }

    /// <summary>Everything ends.</summary>
    public void End()
    {
        while (_lives.Count > 0)
            End(_lives[^1]);
        foreach (byte[] topic in _topics)
            Journal.Retain(topic, null);
    }

    private void Step(Life life, int what)
    {
        switch (what)
        {
            case 9 or 10:
                Subscribe(life);
                break;
            case 11:
                if (life.Filters.Count > 0)
                    Unsubscribe(life, life.Filters.First());
                break;
            case 12:
                ChangeWill(life);
                break;
            case 13:
                if (life.Received.Count > 0)
                    Release(life, life.Received.First());
                break;
            case 14 or 15:
                Send(life);
                break;
            case 16 or 17:
                Acknowledge(life);
                break;
            case 18:
                HandOver(life);
                break;
            default:
                if (Chance(0.2))
                    End(life);
                else
                    Journal.Append(State(life));
                break;
        }
    }

    private void Begin()
    {
        string clientId = Text(30);
        var life = new Life { Stored = Journal.Begin(Batches.Gate(clientId)), ClientId = clientId };
        _lives.Add(life);
        Journal.Append(State(life));
    }

    private SessionState State(Life life) => new(
        life.Stored.Number,
        life.ClientId,
        Chance(0.5) ? Text(10) : null,
        (ProtocolVersion)_random.Next(3, 6),
        (uint)_random.NextInt64(uint.MaxValue + 1L),
        Chance(0.5) ? Message.Never : _random.NextInt64(1L << 42));

    private void Publish()
    {
        Message message = NewMessage();
        var stored = new StoredMessage(message);
        List<Life> receivers = [.. _lives.Where(_ => Chance(0.4))];
        Keep(stored, receivers);
        ReceiveOne(stored, receivers);
    }

    private void ReceiveOne(StoredMessage stored, List<Life> receivers)
    {
        StoreChange? change = null;
        if (Chance(0.3))
        {
            Life publisher = Pick(_lives);
            ushort packetId = (ushort)_random.Next(1, 65536);
            publisher.Received.Add(packetId);
            change = new PacketReceived(publisher.Stored.Number, packetId);
        }

        Journal.Append([.. receivers.Select(life => life.Copies[^1]).Where(copy => ReferenceEquals(copy.Message, stored))], change);
    }

    private void Keep(StoredMessage stored, List<Life> receivers)
    {
        foreach (Life life in receivers)
        {
            uint[]? ids = Chance(0.3) ? [.. Enumerable.Range(0, _random.Next(1, 4)).Select(_ => (uint)_random.Next(1, 268_435_456))] : null;
            SharedGroup? group = Chance(0.2) ? new SharedGroup($"$share/{Text(4)}/#") : null;
            life.Copies.Add(new StoredCopy(stored, life.Stored, ++life.Stored.LastSequence, new Delivery(stored.Message, Pick([QoS.AtLeastOnce, QoS.ExactlyOnce]), Chance(0.2), ids, group)));
        }
    }

    private void Retain()
    {
        Message message = NewMessage();
        _topics.Add(message.Topic.ToArray());
        if (Chance(0.7))
            Journal.Retain(message.Topic, message);
        else
            Journal.Retain(Pick(_topics), null);
    }

    private void Subscribe(Life life)
    {
        string filter = $"f/{_random.Next(4)}/{Text(3)}";
        life.Filters.Add(filter);
        var options = new SubscriptionOptions((QoS)_random.Next(3), Chance(0.5), Chance(0.5), (RetainHandling)_random.Next(3));
        Journal.Append(new SubscriptionState(life.Stored.Number, filter, options, (uint)_random.Next(268_435_456), Chance(0.5)));
    }

    private void Unsubscribe(Life life, string filter)
    {
        life.Filters.Remove(filter);
        Journal.Append(new SubscriptionEnded(life.Stored.Number, filter));
    }

    private void ChangeWill(Life life)
    {
        long session = life.Stored.Number;
        if (life.Will != 0)
            Journal.Append(new WillEnded(session, life.Will));
        life.Will = Chance(0.3) ? 0 : ++_lastWill;
        Message message = NewMessage();
        if (life.Will != 0)
            Journal.Append(new WillState(session, life.Will, new Will(message.Topic.ToArray(), message.Payload, message.Properties.ToArray(), message.QoS, Chance(0.5), (uint)_random.Next(), Chance(0.5) ? (uint)_random.Next() : null)));
    }

    private void Release(Life life, ushort packetId)
    {
        life.Received.Remove(packetId);
        Journal.Append(new PacketReleased(life.Stored.Number, packetId));
    }

    private void Send(Life life)
    {
        if (life.Copies.Find(copy => copy is { IsDone: false, PacketId: 0 }) is { } copy)
            Journal.Sent(copy, (ushort)_random.Next(1, 65536));
    }

    private void Acknowledge(Life life)
    {
        if (life.Copies.Count == 0)
            return;
        StoredCopy copy = Pick(life.Copies);
        if (!copy.IsDone && copy is { QoS: QoS.ExactlyOnce, PacketId: not 0 })
        {
            Journal.Done(copy, keepsPacketId: true);
            return;
        }

        if (copy.IsDone)
            Journal.Completed(copy);
        else
            Journal.Done(copy, keepsPacketId: false);
        life.Copies.Remove(copy);
    }

    /// <summary>Another session takes a shared delivery over.</summary>
    private void HandOver(Life life)
    {
        Life other = Pick(_lives);
        if (life.Copies.Find(copy => !copy.IsDone) is not { } copy || other == life)
            return;
        Keep(copy.Message, [other]);
        Journal.Append([other.Copies[^1]], new CopyDone(copy));
        life.Copies.Remove(copy);
    }

    private void End(Life life)
    {
        _lives.Remove(life);
        List<long> sent = [.. life.Copies.Where(copy => copy.PacketId != 0).Select(copy => copy.Sequence)];
        foreach (StoredCopy copy in life.Copies.Where(copy => !copy.IsDone))
            Journal.Done(copy, keepsPacketId: false);
        Journal.Append(new SessionEnded(life.Stored, [.. life.Filters], [.. life.Received], sent, life.Will));
    }

    private Message NewMessage() => new(
        Encoding.UTF8.GetBytes($"t/{_random.Next(10)}/{Text(5)}"),
        Bytes(Chance(0.05) ? 70_000 : 300),
        (QoS)_random.Next(3),
        Chance(0.5),
        Chance(0.3) ? Bytes(200) : [],
        Chance(0.3) ? _random.NextInt64(1L << 42) : Message.Never,
        Chance(0.8) ? Text(20) : null);

    private byte[] Bytes(int below)
    {
        var bytes = new byte[_random.Next(below)];
        _random.NextBytes(bytes);
        return bytes;
    }

    private string Text(int below) => string.Concat(Enumerable.Range(0, _random.Next(below)).Select(_ => Pick(["a", "b", "ü", "👍", "7"])));

    private T Pick<T>(IReadOnlyList<T> of) => of[_random.Next(of.Count)];

    private sealed class Life
    {
        public required StoredSession Stored { get; init; }

        public required string ClientId { get; init; }

        public HashSet<string> Filters { get; } = [];

        public HashSet<ushort> Received { get; } = [];

        public List<StoredCopy> Copies { get; } = [];

        public long Will { get; set; }
    }
}
