using Whimbrel.Protocol;

namespace Whimbrel.Client.Engine;

/// <summary>What the engine tells the client around it. All of it is called under the client's gate: take note and go on later.</summary>
internal interface IEngineHost
{
    /// <summary>The server has accepted.</summary>
    void Connected(MqttConnectResult result, bool sessionLost);

    /// <summary>CONNACK said no; the link is to be closed.</summary>
    void Refused(ReasonCode reason, ConnectReturnCode returnCode, string? said, string? serverReference);

    /// <summary>The server said DISCONNECT; the link is to be closed.</summary>
    void Dismissed(ReasonCode reason, string? said, string? serverReference);

    /// <summary>The server asked for authentication data, or has accepted a re-authentication.</summary>
    void AuthenticationAsked(ReasonCode reason, byte[] data);

    /// <summary>A delivery has its outcome; its <see cref="Delivery.Execute"/> is to be called outside the gate.</summary>
    void Finished(Delivery delivery);

    /// <summary>The outbox has room again.</summary>
    void RoomInOutbox();

    /// <summary>The server refused a subscription; nobody gets anything by it any more.</summary>
    /// <param name="wasGranted">It had granted it before and has forgotten that: nobody is asking just now.</param>
    void SubscriptionRefused(BrokerSubscription subscription, ReasonCode reason, bool wasGranted);

    void Pong();

    /// <summary>Something that must not be silent: a message that nobody takes, one that is given up.</summary>
    void Notice(EngineNotice notice, string topic);
}

/// <summary>What the engine did that somebody may miss.</summary>
internal enum EngineNotice
{
    /// <summary>A message came for which nobody has subscribed.</summary>
    NobodyWants,

    /// <summary>A message expired before it was sent.</summary>
    Expired,

    /// <summary>The server closes the connection over this message; it was taken out.</summary>
    Quarantined,
}
