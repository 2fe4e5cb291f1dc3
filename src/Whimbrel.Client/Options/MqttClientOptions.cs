using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;

namespace Whimbrel.Client;

/// <summary>
/// Everything that can be said about a client. A plain class, so that configuration binds to it; the client takes a copy when it is made
/// and later changes have no effect on it.
/// </summary>
public sealed class MqttClientOptions
{
    /// <summary>
    /// Where the server is: <c>mqtt</c>, <c>mqtts</c>, <c>ws</c>, <c>wss</c> or <c>unix</c>. Several are tried in turn. None: the environment's
    /// <c>MQTT_URL</c>.
    /// </summary>
    public IList<string> Endpoints { get; private set; } = [];

    /// <summary>Null: a random one. Empty: the server's choice, or a random one before MQTT 5.0.</summary>
    public string? ClientId { get; set; }

    /// <summary>Name and password that never change. A URI's user part counts if this is null.</summary>
    public MqttCredentials? Credentials { get; set; }

    /// <summary>Asked before every attempt to connect; goes before <see cref="Credentials"/>.</summary>
    public Func<CancellationToken, ValueTask<MqttCredentials>>? CredentialProvider { get; set; }

    /// <summary>Enhanced authentication of MQTT 5.0.</summary>
    public IMqttAuthenticator? Authenticator { get; set; }

    public MqttProtocolVersion ProtocolVersion { get; set; }

    /// <summary>The longest silence before the client asks whether the server is there. The server's word wins. Zero turns it off.</summary>
    public TimeSpan KeepAlive { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long the server may leave a PINGREQ or a CONNECT without an answer.</summary>
    public TimeSpan ResponseTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Whether the first connection forgets what the server still has of this client. Null: yes, unless <see cref="SessionExpiry"/> is set.
    /// Connections after the first always take up the session.
    /// </summary>
    public bool? CleanStart { get; set; }

    /// <summary>
    /// How long the server keeps the session without a connection. Null: five minutes, and disposing of the client ends the session.
    /// With a durable outbox null is a day. In MQTT 3.1.1 null is a clean session and everything else one that stays.
    /// </summary>
    public TimeSpan? SessionExpiry { get; set; }

    /// <summary>What the server publishes if this client goes without a word.</summary>
    public MqttWill? Will { get; set; }

    /// <summary>The user properties of CONNECT.</summary>
    public IList<KeyValuePair<string, string>> UserProperties { get; private set; } = [];

    /// <summary>Whether the server may say in words why it refused something (MQTT 5.0).</summary>
    public bool RequestProblemInformation { get; set; } = true;

    /// <summary>Whether the server is asked for a place for responses (MQTT 5.0); <see cref="MqttServerCapabilities.ResponseInformation"/> has its answer.</summary>
    public bool RequestResponseInformation { get; set; } = true;

    public MqttReconnectOptions Reconnect { get; private set; } = new();

    public MqttOutboxOptions Outbox { get; private set; } = new();

    public MqttLimits Limits { get; private set; } = new();

    public MqttTlsOptions Tls { get; private set; } = new();

    /// <summary>An HTTP proxy asked by CONNECT (<c>http://</c>) or a SOCKS5 proxy (<c>socks5://</c>).</summary>
    public System.Net.IWebProxy? Proxy { get; set; }

    public MqttWebSocketOptions WebSocket { get; private set; } = new();

    /// <summary>How long disposing waits for handlers and acknowledgements.</summary>
    public TimeSpan DrainTimeout { get; set; } = TimeSpan.FromSeconds(5);

    public ILoggerFactory? LoggerFactory { get; set; }

    /// <summary>Whose meter the client's instruments belong to. Null: one of the process, named <see cref="MqttTelemetry.MeterName"/>.</summary>
    public IMeterFactory? MeterFactory { get; set; }

    /// <summary>
    /// Whether trace contexts travel with messages, as the user properties <c>traceparent</c> and <c>tracestate</c> (W3C): written when a
    /// span is recorded, in place of those that a forwarded message has, and the parent of the span in which a message is handled. MQTT 5.0 only.
    /// </summary>
    public bool PropagateTraceContext { get; set; } = true;

    public TimeProvider TimeProvider { get; set; } = TimeProvider.System;

    /// <summary>What tests put in place of the network.</summary>
    internal Transports.IConnector? Connector { get; set; }

    internal MqttClientOptions Snapshot()
    {
        var copy = (MqttClientOptions)MemberwiseClone();
        copy.Endpoints = [.. Endpoints];
        copy.UserProperties = [.. UserProperties];
        copy.Reconnect = Reconnect.Snapshot();
        copy.Outbox = Outbox.Snapshot();
        copy.Limits = Limits.Snapshot();
        copy.Tls = Tls.Snapshot();
        copy.WebSocket = WebSocket.Snapshot();
        return copy;
    }
}
