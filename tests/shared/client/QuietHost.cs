using Whimbrel.Client;
using Whimbrel.Client.Engine;
using Whimbrel.Protocol;

namespace Whimbrel.Tests;

/// <summary>Hears everything and keeps nothing.</summary>
internal sealed class QuietHost : IEngineHost
{
    public void Connected(MqttConnectResult result, bool sessionLost)
    {
    }

    public void Refused(ReasonCode reason, ConnectReturnCode returnCode, string? said, string? serverReference)
    {
    }

    public void Dismissed(ReasonCode reason, string? said, string? serverReference)
    {
    }

    public void AuthenticationAsked(ReasonCode reason, byte[] data)
    {
    }

    public void Finished(Delivery delivery)
    {
    }

    public void RoomInOutbox()
    {
    }

    public void SubscriptionRefused(BrokerSubscription subscription, ReasonCode reason, bool wasGranted)
    {
    }

    public void Pong()
    {
    }

    public void Notice(EngineNotice notice, string topic)
    {
    }
}
