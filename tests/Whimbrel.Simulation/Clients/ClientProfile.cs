using Whimbrel.Protocol;

namespace Whimbrel.Simulation;

/// <summary>What kind of client somebody is.</summary>
internal sealed class ClientProfile
{
    public ClientProfile(Chance chance, Scenario scenario)
    {
        Version = chance.Of(ProtocolVersion.Mqtt311, ProtocolVersion.Mqtt50, ProtocolVersion.Mqtt50);
        bool five = Version == ProtocolVersion.Mqtt50;
        IsPersistent = chance.Percent(75);
        ExpirySeconds = !IsPersistent ? 0 : five ? chance.Of(2u, 6u, 3000u, uint.MaxValue) : uint.MaxValue;
        KeepAliveSeconds = (ushort)chance.Of(0, 1, 4);
        ReceiveMaximum = five ? chance.Of<ushort?>(null, 1, 2, 8) : null;
        TopicAliasMaximum = five ? chance.Of<ushort?>(null, SimulatedClient.TopicAliasMax) : null;
        PacketSizeMax = five && scenario.UsesSmallPackets && chance.Percent(50) ? 90u : null;
        Publishes = chance.Of(1, 5, 10);
        Subscribes = chance.Of(1, 2, 4);
        Leaves = chance.Of(0, 1, 3);
        UsesShared = scenario.UsesShared && IsPersistent && ExpirySeconds > 1000 && chance.Percent(70);
        StaysAwayPercent = chance.Of(10, 50, 90);
    }

    public ProtocolVersion Version { get; }

    public bool IsPersistent { get; }

    public uint ExpirySeconds { get; }

    public ushort KeepAliveSeconds { get; }

    public ushort? ReceiveMaximum { get; }

    public ushort? TopicAliasMaximum { get; }

    public uint? PacketSizeMax { get; }

    /// <summary>How often it publishes, compared with the two others.</summary>
    public int Publishes { get; }

    public int Subscribes { get; }

    public int Leaves { get; }

    public bool UsesShared { get; }

    /// <summary>How long it stays away after it has gone.</summary>
    public int StaysAwayPercent { get; }
}
