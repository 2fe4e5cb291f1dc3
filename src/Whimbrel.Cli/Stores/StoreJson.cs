using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Whimbrel.Storage;

namespace Whimbrel.Cli.Stores;

/// <summary>What a store holds, for programs: one JSON object per line. Times are as in ISO 8601, null is never.</summary>
internal sealed class StoreJson(IBufferWriter<byte> output)
{
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public void Overview(StoreInspection store) => Line(json =>
    {
        json.WriteNumber("sessions", store.Sessions.Count);
        json.WriteNumber("subscriptions", store.Sessions.Sum(s => s.Subscriptions.Count));
        json.WriteNumber("queued", store.Queued.Count);
        json.WriteNumber("queuedBytes", store.QueuedBytes);
        json.WriteNumber("deliveries", store.Sessions.Sum(s => (long)s.QueuedMessages));
        json.WriteNumber("retained", store.Retained.Count);
        json.WriteNumber("retainedBytes", store.RetainedBytes);
    });

    public void Session(InspectedSession session) => Line(json =>
    {
        json.WriteString("clientId", session.ClientId);
        json.WriteNumber("session", session.Number);
        json.WriteString("userName", session.UserName);
        json.WriteString("version", StoreTables.Version(session.Version));
        json.WriteBoolean("connected", session.DisconnectedAt is null);
        Time(json, "disconnectedAt", session.DisconnectedAt);
        if (session.ExpirySeconds == uint.MaxValue)
            json.WriteNull("expirySeconds");
        else
            json.WriteNumber("expirySeconds", session.ExpirySeconds);
        json.WriteBoolean("superseded", session.IsSuperseded);
        json.WriteStartArray("subscriptions");
        foreach (var subscription in session.Subscriptions)
            Subscription(json, subscription);
        json.WriteEndArray();
        json.WriteNumber("queued", session.QueuedMessages);
        json.WriteNumber("queuedBytes", session.QueuedBytes);
        json.WriteNumber("inFlight", session.InFlight);
        json.WriteNumber("releasing", session.Releasing);
        json.WriteNumber("received", session.Received);
        Will(json, session.Will);
    });

    public void Queued(InspectedMessage message) => Line(json =>
    {
        json.WriteNumber("id", message.Id);
        Message(json, message);
        json.WriteStartArray("receivers");
        foreach (var receiver in message.Receivers)
        {
            json.WriteStartObject();
            json.WriteString("clientId", receiver.ClientId);
            json.WriteNumber("sequence", receiver.Sequence);
            json.WriteNumber("qos", (int)receiver.QoS);
            if (receiver.PacketId != 0)
                json.WriteNumber("packetId", receiver.PacketId);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    });

    public void Retained(InspectedMessage message) => Line(json => Message(json, message));

    private static void Message(Utf8JsonWriter json, InspectedMessage message)
    {
        json.WriteString("topic", message.Topic);
        json.WriteNumber("qos", (int)message.QoS);
        json.WriteNumber("bytes", message.Size);
        Time(json, "expiresAt", message.ExpiresAt);
        json.WriteString("publisher", message.Publisher);
    }

    private static void Subscription(Utf8JsonWriter json, InspectedSubscription subscription)
    {
        json.WriteStartObject();
        json.WriteString("filter", subscription.Filter);
        json.WriteNumber("qos", (int)subscription.Options.QoS);
        json.WriteBoolean("noLocal", subscription.Options.NoLocal);
        json.WriteBoolean("retainAsPublished", subscription.Options.RetainAsPublished);
        json.WriteNumber("retainHandling", (int)subscription.Options.RetainHandling);
        if (subscription.Identifier != 0)
            json.WriteNumber("identifier", subscription.Identifier);
        json.WriteEndObject();
    }

    private static void Will(Utf8JsonWriter json, InspectedWill? will)
    {
        if (will is null)
        {
            json.WriteNull("will");
            return;
        }

        json.WriteStartObject("will");
        json.WriteString("topic", will.Topic);
        json.WriteNumber("qos", (int)will.QoS);
        json.WriteBoolean("retain", will.Retain);
        json.WriteNumber("bytes", will.Size);
        json.WriteNumber("delaySeconds", will.DelaySeconds);
        json.WriteEndObject();
    }

    private static void Time(Utf8JsonWriter json, string name, long? milliseconds)
    {
        if (milliseconds is { } at)
            json.WriteString(name, StoreTables.Time(at));
        else
            json.WriteNull(name);
    }

    private void Line(Action<Utf8JsonWriter> content)
    {
        using (var json = new Utf8JsonWriter(output, Options))
        {
            json.WriteStartObject();
            content(json);
            json.WriteEndObject();
        }

        output.Write("\n"u8);
    }
}
