using Whimbrel.Broker;

namespace Whimbrel.Simulation;

/// <summary>What kind of world a seed makes: how many clients, how bad the network and the disk, how often the broker dies.</summary>
internal sealed class Scenario
{
    public Scenario(Chance chance)
    {
        Clients = chance.Between(2, 6);
        DurationMilliseconds = chance.Between(6, 25) * 1000;
        ActEveryMilliseconds = chance.Of(40, 80, 150, 300);
        LatencyMax = chance.Of(1, 5, 20, 80);
        FragmentMax = chance.Of(3, 40, 5000, 5000);
        CutEveryMilliseconds = chance.Of(0, 1000, 3000, 8000);
        KillEveryMilliseconds = chance.Of(0, 1500, 4000, 4000, 10_000);
        ShutdownPercent = chance.Of(0, 20, 50);
        CommitMaxMilliseconds = chance.Of(0, 3, 20, 150);
        SlowCommitPercent = chance.Of(0, 0, 5, 20);
        FullEveryMilliseconds = chance.Of(0, 0, 0, 6000);
        BrokenPercent = chance.Of(0, 0, 30);
        UsesRetain = chance.Percent(60);
        UsesWills = chance.Percent(60);
        UsesShared = chance.Percent(30);
        UsesExpiry = chance.Percent(20);
        UsesLargePayloads = chance.Percent(20);
        UsesSlowReaders = chance.Percent(30);
        UsesSmallPackets = chance.Percent(10);
        int highWater = chance.Of(1024, 4096, 256 * 1024);
        Options = new BrokerOptions
        {
            SysIntervalSeconds = 0,
            ReceiveMaximum = (ushort)chance.Of(2, 10, 1000),
            InFlightMax = (ushort)chance.Of(1, 3, 20, 256),
            OutboundTopicAliasMax = (ushort)chance.Of(0, 2, 64),
            SessionExpirySecondsMax = 3600,
            LinkHighWaterBytes = highWater,
            LinkOutputBytesMax = Math.Max(64 * 1024, highWater),
            OutboxMessagesMax = chance.Percent(20) ? chance.Between(1, 20) : 10_000,
            OutboxPolicy = chance.Of(OutboxPolicy.DropOldest, OutboxPolicy.DropNewest),
        };
    }

    public int Clients { get; }

    public int DurationMilliseconds { get; }

    public int ActEveryMilliseconds { get; }

    public int LatencyMax { get; }

    /// <summary>The most bytes that arrive at once.</summary>
    public int FragmentMax { get; }

    public int CutEveryMilliseconds { get; }

    public int KillEveryMilliseconds { get; }

    /// <summary>How many of the broker's ends are graceful.</summary>
    public int ShutdownPercent { get; }

    public int CommitMaxMilliseconds { get; }

    public int SlowCommitPercent { get; }

    public int FullEveryMilliseconds { get; }

    /// <summary>How many of the broker's deaths are a disk's.</summary>
    public int BrokenPercent { get; }

    public bool UsesRetain { get; }

    public bool UsesWills { get; }

    public bool UsesShared { get; }

    public bool UsesExpiry { get; }

    public bool UsesLargePayloads { get; }

    public bool UsesSlowReaders { get; }

    /// <summary>Some clients have a small Maximum Packet Size.</summary>
    public bool UsesSmallPackets { get; }

    public BrokerOptions Options { get; }
}
