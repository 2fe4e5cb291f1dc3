using System.Globalization;
using Whimbrel.Cli.Commands;
using Whimbrel.Protocol;
using Whimbrel.Storage;

namespace Whimbrel.Cli.Stores;

/// <summary>What a store holds, for the eye.</summary>
internal static class StoreTables
{
    private const int ReceiversShown = 5;

    public static string Overview(StoreInspection store)
    {
        var table = new TextTable("what", "count", "bytes");
        table.Add("sessions", Number(store.Sessions.Count), "");
        table.Add("subscriptions", Number(store.Sessions.Sum(s => s.Subscriptions.Count)), "");
        table.Add("queued messages", Number(store.Queued.Count), Number(store.QueuedBytes));
        table.Add("deliveries of them", Number(store.Sessions.Sum(s => (long)s.QueuedMessages)), "");
        table.Add("retained messages", Number(store.Retained.Count), Number(store.RetainedBytes));
        return table.ToString();
    }

    public static string Sessions(IEnumerable<InspectedSession> sessions)
    {
        var table = new TextTable("client", "user", "version", "disconnected", "expiry", "subscriptions", "queued", "bytes", "in flight", "received", "will");
        foreach (var s in sessions)
        {
            table.Add(
                s.IsSuperseded ? $"{s.ClientId} (superseded)" : s.ClientId,
                s.UserName ?? "-",
                Version(s.Version),
                s.DisconnectedAt is { } at ? Time(at) : "connected",
                s.ExpirySeconds == uint.MaxValue ? "never" : $"{Number(s.ExpirySeconds)} s",
                Number(s.Subscriptions.Count),
                Number(s.QueuedMessages),
                Number(s.QueuedBytes),
                Number(s.InFlight + s.Releasing),
                Number(s.Received),
                s.Will?.Topic ?? "-");
        }

        return table.ToString();
    }

    public static string Queues(IEnumerable<InspectedMessage> messages)
    {
        var table = new TextTable("id", "topic", "qos", "bytes", "expires", "receivers");
        foreach (var m in messages)
            table.Add(Number(m.Id), m.Topic, Number((int)m.QoS), Number(m.Size), Expiry(m), Receivers(m));
        return table.ToString();
    }

    public static string Retained(IEnumerable<InspectedMessage> messages)
    {
        var table = new TextTable("topic", "qos", "bytes", "expires", "publisher");
        foreach (var m in messages)
            table.Add(m.Topic, Number((int)m.QoS), Number(m.Size), Expiry(m), m.Publisher ?? "-");
        return table.ToString();
    }

    public static string Time(long milliseconds) => milliseconds is >= 0 and <= 253_402_300_799_999
        ? DateTimeOffset.FromUnixTimeMilliseconds(milliseconds).ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture)
        : $"{Number(milliseconds)} ms";

    public static string Version(ProtocolVersion version) => version switch
    {
        ProtocolVersion.Mqtt31 => "3.1",
        ProtocolVersion.Mqtt311 => "3.1.1",
        _ => "5.0",
    };

    private static string Expiry(InspectedMessage message) => message.ExpiresAt is { } at ? Time(at) : "never";

    private static string Receivers(InspectedMessage message)
    {
        string shown = string.Join(' ', message.Receivers.Take(ReceiversShown).Select(r => r.PacketId == 0 ? r.ClientId : $"{r.ClientId}(sent)"));
        int more = message.Receivers.Count - ReceiversShown;
        return more > 0 ? $"{shown} and {Number(more)} more" : shown;
    }

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);
}
