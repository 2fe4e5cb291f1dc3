using Whimbrel.Client.Engine;
using Whimbrel.Protocol;

namespace Whimbrel.Client.Tests;

/// <summary>Notes what the engine tells.</summary>
internal sealed class RecordingHost : IEngineHost
{
    public List<string> Told { get; } = [];

    public List<Delivery> FinishedDeliveries { get; } = [];

    public void Connected(MqttConnectResult result, bool sessionLost) => Told.Add($"connected present={result.SessionPresent} lost={sessionLost}");

    public void Refused(ReasonCode reason, ConnectReturnCode returnCode, string? said, string? serverReference) => Told.Add($"refused {reason}");

    public void Dismissed(ReasonCode reason, string? said, string? serverReference) => Told.Add($"dismissed {reason}");

    public void AuthenticationAsked(ReasonCode reason, byte[] data) => Told.Add($"auth {reason}");

    public void Finished(Delivery delivery) => FinishedDeliveries.Add(delivery);

    public void RoomInOutbox() => Told.Add("room");

    public void SubscriptionRefused(BrokerSubscription subscription, ReasonCode reason, bool wasGranted) =>
        Told.Add($"{(wasGranted ? "no longer" : "not")} {subscription.Filter}");

    public void Pong() => Told.Add("pong");

    public void Notice(EngineNotice notice, string topic) => Told.Add($"{notice} {topic}");
}

/// <summary>Keeps what it is offered.</summary>
internal sealed class RecordingSubscriber : ISubscriber
{
    public List<(string Topic, string Payload, long Token)> Messages { get; } = [];

    public bool IsRaw => false;

    public void Offer(in PublishPacket packet, string topic, long token) =>
        Messages.Add((topic, System.Text.Encoding.UTF8.GetString(packet.Payload), token));

    public void Raw(in PublishPacket packet, string topic) => throw new InvalidOperationException("not raw");
}
