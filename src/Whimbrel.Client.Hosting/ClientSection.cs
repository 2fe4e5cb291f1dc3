using System.Net;
using System.Text;
using Microsoft.Extensions.Configuration;

namespace Whimbrel.Client.Hosting;

/// <summary>
/// A client's options as configuration spells them. Written by hand, without reflection, and strict: a key that is none is an error, not a
/// wish that nobody hears. What is code (providers of credentials, stores) is not in configuration.
/// </summary>
internal static class ClientSection
{
    private static readonly Dictionary<string, Action<SectionValue, MqttReconnectOptions>> ReconnectKeys = new(StringComparer.OrdinalIgnoreCase)
    {
        ["Enabled"] = static (value, options) => options.Enabled = value.Truth(),
        ["RetryInitialConnect"] = static (value, options) => options.RetryInitialConnect = value.Truth(),
        ["DelayMin"] = static (value, options) => options.DelayMin = value.Time(),
        ["DelayMax"] = static (value, options) => options.DelayMax = value.Time(),
        ["AttemptTimeout"] = static (value, options) => options.AttemptTimeout = value.Time(),
        ["FollowServerReference"] = static (value, options) => options.FollowServerReference = value.Truth(),
        ["WhenSessionLost"] = static (value, options) => options.WhenSessionLost = value.Choice<MqttSessionLost>(),
    };

    private static readonly Dictionary<string, Action<SectionValue, MqttOutboxOptions>> OutboxKeys = new(StringComparer.OrdinalIgnoreCase)
    {
        ["MessagesMax"] = static (value, options) => options.MessagesMax = value.Whole(),
        ["BytesMax"] = static (value, options) => options.BytesMax = value.Long(),
        ["WhenFull"] = static (value, options) => options.WhenFull = value.Choice<MqttOutboxFull>(),
        ["BufferQoS0"] = static (value, options) => options.BufferQoS0 = value.Truth(),
        ["RejectionsMax"] = static (value, options) => options.RejectionsMax = value.Whole(),
    };

    private static readonly Dictionary<string, Action<SectionValue, MqttLimits>> LimitKeys = new(StringComparer.OrdinalIgnoreCase)
    {
        ["InFlightMax"] = static (value, options) => options.InFlightMax = value.Whole(),
        ["ReceiveMaximum"] = static (value, options) => options.ReceiveMaximum = value.Short(),
        ["PacketBytesMax"] = static (value, options) => options.PacketBytesMax = value.Whole(),
        ["SendBytesMax"] = static (value, options) => options.SendBytesMax = value.Whole(),
        ["TopicAliasMaximum"] = static (value, options) => options.TopicAliasMaximum = value.Short(),
        ["SendTopicAliasMaximum"] = static (value, options) => options.SendTopicAliasMaximum = value.Short(),
    };

    private static readonly Dictionary<string, Action<SectionValue, MqttTlsOptions>> TlsKeys = new(StringComparer.OrdinalIgnoreCase)
    {
        ["CaFile"] = static (value, options) => options.CaFile = value.Text(),
        ["CertificateFile"] = static (value, options) => options.CertificateFile = value.Text(),
        ["KeyFile"] = static (value, options) => options.KeyFile = value.Text(),
        ["KeyPassword"] = static (value, options) => options.KeyPassword = value.Text(),
        ["TargetHost"] = static (value, options) => options.TargetHost = value.Text(),
        ["Pins"] = static (value, options) => Replace(options.Pins, value.Texts()),
        ["ApplicationProtocols"] = static (value, options) => Replace(options.ApplicationProtocols, value.Texts()),
        ["DangerousAcceptAnyServerCertificate"] = static (value, options) => options.DangerousAcceptAnyServerCertificate = value.Truth(),
    };

    private static readonly Dictionary<string, Action<SectionValue, WillText>> WillKeys = new(StringComparer.OrdinalIgnoreCase)
    {
        ["Topic"] = static (value, will) => will.Topic = value.Text(),
        ["Payload"] = static (value, will) => will.Payload = value.Text(),
        ["QoS"] = static (value, will) => will.QoS = value.Choice<MqttQoS>(),
        ["Retain"] = static (value, will) => will.Retain = value.Truth(),
        ["Delay"] = static (value, will) => will.Delay = value.Time(),
        ["Expiry"] = static (value, will) => will.Expiry = value.Time(),
        ["ContentType"] = static (value, will) => will.ContentType = value.Text(),
        ["ResponseTopic"] = static (value, will) => will.ResponseTopic = value.Text(),
        ["UserProperties"] = static (value, will) => will.UserProperties = value.Pairs(),
    };

    private static readonly Dictionary<string, Action<SectionValue, MqttClientOptions>> Keys = new(StringComparer.OrdinalIgnoreCase)
    {
        ["Endpoints"] = static (value, options) => Replace(options.Endpoints, value.Texts()),
        ["ClientId"] = static (value, options) => options.ClientId = value.Text(),
        ["UserName"] = static (_, _) => { },
        ["Password"] = static (_, _) => { },
        ["PasswordFile"] = static (_, _) => { },
        ["ProtocolVersion"] = static (value, options) => options.ProtocolVersion = Version(value),
        ["KeepAlive"] = static (value, options) => options.KeepAlive = value.Time(),
        ["ResponseTimeout"] = static (value, options) => options.ResponseTimeout = value.Time(),
        ["CleanStart"] = static (value, options) => options.CleanStart = value.Truth(),
        ["SessionExpiry"] = static (value, options) => options.SessionExpiry = value.Time(),
        ["DrainTimeout"] = static (value, options) => options.DrainTimeout = value.Time(),
        ["Proxy"] = static (value, options) => options.Proxy = new WebProxy(value.Address()),
        ["UserProperties"] = static (value, options) => Replace(options.UserProperties, value.Pairs()),
        ["Will"] = static (value, options) => options.Will = Will(value),
        ["Reconnect"] = static (value, options) => value.Apply(ReconnectKeys, options.Reconnect),
        ["RequestProblemInformation"] = static (value, options) => options.RequestProblemInformation = value.Truth(),
        ["RequestResponseInformation"] = static (value, options) => options.RequestResponseInformation = value.Truth(),
        ["PropagateTraceContext"] = static (value, options) => options.PropagateTraceContext = value.Truth(),
        ["Outbox"] = static (value, options) => value.Apply(OutboxKeys, options.Outbox),
        ["Limits"] = static (value, options) => value.Apply(LimitKeys, options.Limits),
        ["Tls"] = static (value, options) => value.Apply(TlsKeys, options.Tls),
    };

    /// <exception cref="FormatException">A key is none, or a value is not what its key takes. The message says where it stands.</exception>
    public static void Apply(IConfigurationSection section, MqttClientOptions options)
    {
        new SectionValue(section).Apply(Keys, options);
        ApplyCredentials(section, options);
    }

    private static void ApplyCredentials(IConfigurationSection section, MqttClientOptions options)
    {
        string? user = section["UserName"];
        if (section["PasswordFile"] is { Length: > 0 } file)
        {
            // Read anew at every attempt, so that a new password needs no restart.
            options.CredentialProvider = async stop => new MqttCredentials(
                user, Encoding.UTF8.GetBytes((await File.ReadAllTextAsync(file, stop).ConfigureAwait(false)).TrimEnd('\r', '\n')));
        }
        else if (section["Password"] is { } password)
        {
            options.Credentials = new MqttCredentials(user, Encoding.UTF8.GetBytes(password));
        }
        else if (user is not null)
        {
            options.Credentials = new MqttCredentials(user);
        }
    }

    private static MqttProtocolVersion Version(SectionValue value) => value.Text() switch
    {
        "5" or "5.0" => MqttProtocolVersion.Mqtt50,
        "4" or "3.1.1" => MqttProtocolVersion.Mqtt311,
        _ => value.Choice<MqttProtocolVersion>(),
    };

    private static MqttWill Will(SectionValue value)
    {
        var said = new WillText();
        value.Apply(WillKeys, said);
        return new MqttWill
        {
            Topic = said.Topic ?? throw value.Wrong("a will needs a Topic"),
            Payload = Encoding.UTF8.GetBytes(said.Payload),
            QoS = said.QoS,
            Retain = said.Retain,
            Delay = said.Delay,
            Expiry = said.Expiry,
            ContentType = said.ContentType,
            ResponseTopic = said.ResponseTopic,
            PayloadIsText = true,
            UserProperties = said.UserProperties,
        };
    }

    private static void Replace<T>(IList<T> list, IEnumerable<T> values)
    {
        list.Clear();
        foreach (T value in values)
            list.Add(value);
    }

    /// <summary>A will while it is being read.</summary>
    private sealed class WillText
    {
        public string? Topic { get; set; }

        public string Payload { get; set; } = "";

        public MqttQoS QoS { get; set; } = MqttQoS.AtLeastOnce;

        public bool Retain { get; set; }

        public TimeSpan Delay { get; set; }

        public TimeSpan? Expiry { get; set; }

        public string? ContentType { get; set; }

        public string? ResponseTopic { get; set; }

        public IReadOnlyList<KeyValuePair<string, string>> UserProperties { get; set; } = [];
    }
}
