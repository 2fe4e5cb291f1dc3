namespace Whimbrel.Client;

/// <summary>What happens when a connection is lost.</summary>
public sealed class MqttReconnectOptions
{
    /// <summary>False: a lost connection is the end, until somebody calls <c>ConnectAsync</c>.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>Whether the very first connection is tried again as well. Off, so that a wrong address shows at once; always on with
    /// a durable outbox, which takes messages without a connection.</summary>
    public bool RetryInitialConnect { get; set; }

    /// <summary>The wait is drawn evenly from zero to a bound that doubles from here with each attempt.</summary>
    public TimeSpan DelayMin { get; set; } = TimeSpan.FromMilliseconds(200);

    /// <summary>Where the bound stops to double.</summary>
    public TimeSpan DelayMax { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long one attempt may take until the server has answered.</summary>
    public TimeSpan AttemptTimeout { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>Whether to go where a server refers to (0x9C, 0x9D).</summary>
    public bool FollowServerReference { get; set; }

    /// <summary>What to do when the server has forgotten the session.</summary>
    public MqttSessionLost WhenSessionLost { get; set; }

    internal MqttReconnectOptions Snapshot() => (MqttReconnectOptions)MemberwiseClone();
}

/// <summary>What a client does when it finds its session gone.</summary>
public enum MqttSessionLost
{
    /// <summary>Subscribe again, send again what was not acknowledged, and say so in one event.</summary>
    Resubscribe,

    /// <summary>Give up: the state becomes <see cref="MqttConnectionState.Faulted"/>.</summary>
    Fail,
}
