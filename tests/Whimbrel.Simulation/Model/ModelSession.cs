using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.Simulation;

/// <summary>A message that a session is owed with QoS 1 or 2, until its client has said that it has it.</summary>
/// <param name="Op">The operation that routed it.</param>
/// <param name="PacketId">What it was sent with, 0 as long as nobody saw it leave.</param>
/// <param name="SentOn">The number of the link that it was last sent on.</param>
/// <param name="Group">The shared subscription that it came through, or null.</param>
/// <param name="IsReplay">Whether it was retained and sent for a new subscription.</param>
internal readonly record struct Owed(
    Publication Publication, QoS QoS, bool Retain, string Ids, long Op, ushort PacketId = 0, long SentOn = 0, string? Group = null, bool IsReplay = false);

internal sealed record ModelSubscription(string Filter, SubscriptionOptions Options, uint Id, long Op)
{
    public bool IsShared => Filter.StartsWith("$share/", StringComparison.Ordinal);

    /// <summary>What it matches, without the name of the group.</summary>
    public string Pattern => IsShared ? Filter[(Filter.IndexOf('/', "$share/".Length) + 1)..] : Filter;
}

/// <summary>The retained messages that a new subscription is owed.</summary>
/// <param name="Filter">The subscription.</param>
/// <param name="Since">The operation that subscribed: what was retained then may come.</param>
internal sealed record ModelReplay(string Filter, long Since)
{
    /// <summary>Starts of the broker that made it begin again: what was retained then may come, too.</summary>
    public List<long> Again { get; init; } = [];

    /// <summary>Whether it is certainly over.</summary>
    public bool IsFinished { get; set; }

    /// <summary>Topics that must still come, unless something newer comes.</summary>
    public HashSet<string> Must { get; init; } = [];

    /// <summary>Topics that may come. After a crash all may come again, because the replay as a whole is still owed.</summary>
    public HashSet<string> May { get; init; } = [];

    /// <summary>Topics that came, as far as one can tell: another replay may have sent them.</summary>
    public HashSet<string> Served { get; init; } = [];

    public override string ToString() => $"{Filter} since {Since} {string.Join(" ", Again)}, must {string.Join(" ", Must)}, may {string.Join(" ", May)}{(IsFinished ? ", finished" : "")}";

    public ModelReplay Copy() => this with { Must = [.. Must], May = [.. May], Served = [.. Served], Again = [.. Again] };
}

/// <summary>A session as the specification describes it: lists, no windows, no bounds.</summary>
internal sealed class ModelSession
{
    public required string ClientId { get; init; }

    /// <summary>The operation that began it: no other session has this number.</summary>
    public required long Born { get; init; }

    /// <summary>Whether it survives the broker's process.</summary>
    public required bool IsDurable { get; init; }

    /// <summary>The link that it is connected by, 0 for none.</summary>
    public long Link { get; set; }

    public uint ExpirySeconds { get; set; }

    public uint ConnectedExpirySeconds { get; set; }

    public long DisconnectedAt { get; set; }

    public Publication? Will { get; set; }

    public uint WillDelaySeconds { get; set; }

    public long WillDue { get; set; } = Message.Never;

    public Dictionary<string, ModelSubscription> Subscriptions { get; private init; } = [];

    /// <summary>Shared subscriptions that it has or had: what it got through one it keeps.</summary>
    public HashSet<string> Groups { get; private init; } = [];

    public List<Owed> Owed { get; private init; } = [];

    /// <summary>Packet identifiers of messages that the client has and that it must still release, with the operation that said so.</summary>
    public Dictionary<ushort, long> Released { get; private init; } = [];

    /// <summary>QoS 2 identifiers of the client's own messages, with the operation that took them.</summary>
    public Dictionary<ushort, long> Received { get; private init; } = [];

    /// <summary>QoS 0 messages that may come, each once.</summary>
    public List<(string Name, bool Retain)> MayCome { get; private init; } = [];

    public List<ModelReplay> Replays { get; private init; } = [];

    /// <summary>Topics of copies that were dropped by name, and how many.</summary>
    public Dictionary<string, int> Drops { get; private init; } = [];

    public bool IsConnected => Link != 0;

    public long ExpiresAt => ExpirySeconds == uint.MaxValue ? Message.Never : DisconnectedAt + (ExpirySeconds * 1000L);

    /// <summary>What is owed and was not dropped by name.</summary>
    public IEnumerable<Owed> Missing()
    {
        foreach (IGrouping<string, Owed> topic in Owed.GroupBy(owed => owed.Publication.Topic))
        {
            int missing = topic.Count() - Drops.GetValueOrDefault(topic.Key);
            foreach (Owed owed in topic.Take(Math.Max(0, missing)))
                yield return owed;
        }
    }

    /// <summary>
    /// The broker dropped copies and said so. Which ones they were is known if no others could be meant; else that many of the topic may
    /// be missing.
    /// </summary>
    public void Drop(DropReason reason, string topic, int count, long now)
    {
        bool Meant(Owed owed) => reason == DropReason.Expired && owed.PacketId == 0 && owed.Publication.Topic == topic && owed.Publication.ExpiresAt <= now;
        if (MayCome.Count == 0 && Owed.Count(Meant) == count)
            Owed.RemoveAll(Meant);
        else
            Drops[topic] = Drops.GetValueOrDefault(topic) + count;
    }

    public ModelSession Copy() => new()
    {
        ClientId = ClientId,
        Born = Born,
        IsDurable = IsDurable,
        Link = Link,
        ExpirySeconds = ExpirySeconds,
        ConnectedExpirySeconds = ConnectedExpirySeconds,
        DisconnectedAt = DisconnectedAt,
        Will = Will,
        WillDelaySeconds = WillDelaySeconds,
        WillDue = WillDue,
        Subscriptions = new(Subscriptions),
        Groups = [.. Groups],
        Owed = [.. Owed],
        Released = new(Released),
        Received = new(Received),
        MayCome = [.. MayCome],
        Replays = [.. Replays.Select(replay => replay.Copy())],
        Drops = new(Drops),
    };
}
