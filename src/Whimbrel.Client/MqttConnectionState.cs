namespace Whimbrel.Client;

/// <summary>Where a client stands.</summary>
public enum MqttConnectionState
{
    /// <summary>No connection and nobody works on one.</summary>
    Disconnected,

    /// <summary>The first connection is being made.</summary>
    Connecting,

    /// <summary>The server has accepted.</summary>
    Connected,

    /// <summary>The connection was lost and the client makes a new one.</summary>
    Reconnecting,

    /// <summary>The client has given up for a reason that trying again does not change. <c>ConnectAsync</c> begins anew.</summary>
    Faulted,

    /// <summary>The client has been disposed of.</summary>
    Disposed,
}

/// <summary>Tells that a client's state has changed. Notification only: the events come in order, one at a time, and never on the thread that reads.</summary>
/// <param name="previous">The state before.</param>
/// <param name="state">The state now.</param>
/// <param name="sessionLost">The server has forgotten this client's session; the subscriptions were made again.</param>
/// <param name="reason">Why the connection ended or was refused, if something went wrong.</param>
public sealed class MqttConnectionStateChangedEventArgs(
    MqttConnectionState previous, MqttConnectionState state, bool sessionLost, Exception? reason) : EventArgs
{
    public MqttConnectionState Previous { get; } = previous;

    public MqttConnectionState State { get; } = state;

    /// <summary>Only beside <see cref="MqttConnectionState.Connected"/>: a session that this client had is gone on the server.</summary>
    public bool SessionLost { get; } = sessionLost;

    public Exception? Reason { get; } = reason;
}

/// <summary>Tells that a subscription is gone because the server does not grant it any more.</summary>
/// <param name="filter">As the server knows it, the group included.</param>
/// <param name="reason">What it said.</param>
public sealed class MqttSubscriptionRefusedEventArgs(string filter, MqttSubscribeException reason) : EventArgs
{
    public string Filter { get; } = filter;

    public MqttSubscribeException Reason { get; } = reason;
}
