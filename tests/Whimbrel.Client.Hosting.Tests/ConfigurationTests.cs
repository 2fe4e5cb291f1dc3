using System.Collections;
using System.Reflection;
using System.Text;
using Microsoft.Extensions.Configuration;

namespace Whimbrel.Client.Hosting.Tests;

public class ConfigurationTests
{
    /// <summary>Whatever configuration can say, said.</summary>
    private static readonly (string Key, string Value)[] Everything =
    [
        ("Endpoints:0", "mqtt://one"), ("Endpoints:1", "mqtts://two"), ("ClientId", "me"), ("UserName", "sparrow"), ("Password", "seed"),
        ("ProtocolVersion", "3.1.1"), ("KeepAlive", "20"), ("ResponseTimeout", "00:00:07"), ("CleanStart", "true"), ("SessionExpiry", "7200"),
        ("DrainTimeout", "1.5"), ("PropagateTraceContext", "false"), ("RequestProblemInformation", "false"), ("RequestResponseInformation", "false"), ("Proxy", "socks5://proxy:1080"), ("UserProperties:site", "north"),
        ("Will:Topic", "gone"), ("Will:Payload", "me"), ("Will:QoS", "ExactlyOnce"), ("Will:Retain", "true"), ("Will:Delay", "5"), ("Will:Expiry", "60"),
        ("Will:ContentType", "text/plain"), ("Will:ResponseTopic", "back"), ("Will:UserProperties:why", "silence"),
        ("Reconnect:Enabled", "false"), ("Reconnect:RetryInitialConnect", "true"), ("Reconnect:DelayMin", "1"), ("Reconnect:DelayMax", "2"),
        ("Reconnect:AttemptTimeout", "3"), ("Reconnect:FollowServerReference", "true"), ("Reconnect:WhenSessionLost", "fail"),
        ("Outbox:MessagesMax", "11"), ("Outbox:BytesMax", "9999999999"), ("Outbox:WhenFull", "DropOldest"), ("Outbox:BufferQoS0", "true"), ("Outbox:RejectionsMax", "12"),
        ("Limits:InFlightMax", "13"), ("Limits:ReceiveMaximum", "14"), ("Limits:PacketBytesMax", "15"), ("Limits:SendBytesMax", "16"),
        ("Limits:TopicAliasMaximum", "17"), ("Limits:SendTopicAliasMaximum", "18"),
        ("Tls:CaFile", "ca.pem"), ("Tls:CertificateFile", "own.pem"), ("Tls:KeyFile", "key.pem"), ("Tls:KeyPassword", "secret"), ("Tls:TargetHost", "named"),
        ("Tls:Pins:0", "pin"), ("Tls:ApplicationProtocols:0", "mqtt"), ("Tls:DangerousAcceptAnyServerCertificate", "true"),
    ];

    [Fact]
    public void Every_option_that_is_not_code_can_be_said_in_configuration()
    {
        var untouched = new List<string>();
        Compare(new MqttClientOptions(), Read(Everything), "", untouched);
        Assert.Equal(
            [
                "Authenticator", "CredentialProvider", "LoggerFactory", "MeterFactory", "Outbox.Store", "TimeProvider",
                "Tls.ClientCertificateProvider", "Tls.ConfigureSsl", "WebSocket.Headers",
            ],
            untouched.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Values_arrive_as_what_they_mean()
    {
        MqttClientOptions options = Read(Everything);
        Assert.Equal(["mqtt://one", "mqtts://two"], options.Endpoints);
        Assert.Equal(("sparrow", "seed"), (options.Credentials!.UserName, Encoding.UTF8.GetString(options.Credentials.Password!.Value.Span)));
        Assert.Equal(MqttProtocolVersion.Mqtt311, options.ProtocolVersion);
        Assert.Equal(
            (TimeSpan.FromSeconds(20), TimeSpan.FromSeconds(7), TimeSpan.FromHours(2), TimeSpan.FromSeconds(1.5)),
            (options.KeepAlive, options.ResponseTimeout, options.SessionExpiry!.Value, options.DrainTimeout));
        Assert.Equal(("gone", "me", MqttQoS.ExactlyOnce), (options.Will!.Topic, Encoding.UTF8.GetString(options.Will.Payload.Span), options.Will.QoS));
        Assert.Equal([new("site", "north")], options.UserProperties);
        Assert.Equal((14, 9_999_999_999, MqttSessionLost.Fail), (options.Limits.ReceiveMaximum, options.Outbox.BytesMax, options.Reconnect.WhenSessionLost));
    }

    [Theory]
    [InlineData("KepAlive", "20", "Mqtt:home:KepAlive is not an option")]
    [InlineData("Tls:Insecure", "true", "Mqtt:home:Tls:Insecure is not an option")]
    [InlineData("KeepAlive", "soon", "Mqtt:home:KeepAlive: 'soon'")]
    [InlineData("KeepAlive", "-5", "Mqtt:home:KeepAlive: '-5'")]
    [InlineData("Outbox:WhenFull", "7", "is none of Wait, Refuse, DropOldest")]
    [InlineData("Limits:ReceiveMaximum", "70000", "from 0 to 65535")]
    [InlineData("CleanStart", "perhaps", "neither true nor false")]
    [InlineData("Reconnect", "true", "keys are wanted here")]
    [InlineData("ClientId:0", "me", "one value is wanted here")]
    [InlineData("Will:Payload", "gone", "a will needs a Topic")]
    public void What_is_wrong_is_refused_with_its_place(string key, string value, string complaint) =>
        Assert.Contains(complaint, Assert.Throws<FormatException>(() => Read((key, value))).Message, StringComparison.Ordinal);

    [Fact]
    public void One_endpoint_needs_no_list_and_replaces_what_was_there()
    {
        var options = new MqttClientOptions { Endpoints = { "mqtt://before" } };
        ClientSection.Apply(Section(("Endpoints", "mqtt://one")), options);
        Assert.Equal(["mqtt://one"], options.Endpoints);
    }

    [Fact]
    public async Task A_password_s_file_is_read_when_the_client_connects()
    {
        string file = Path.GetTempFileName();
        try
        {
            MqttClientOptions options = Read(("UserName", "sparrow"), ("PasswordFile", file));
            foreach (string password in new[] { "first", "renewed" })
            {
                await File.WriteAllTextAsync(file, password + "\n");
                MqttCredentials credentials = await options.CredentialProvider!(CancellationToken.None);
                Assert.Equal(("sparrow", password), (credentials.UserName, Encoding.UTF8.GetString(credentials.Password!.Value.Span)));
            }
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static MqttClientOptions Read(params (string Key, string Value)[] said)
    {
        var options = new MqttClientOptions();
        ClientSection.Apply(Section(said), options);
        return options;
    }

    private static IConfigurationSection Section(params (string Key, string Value)[] said) => new ConfigurationBuilder()
        .AddInMemoryCollection(said.Select(pair => new KeyValuePair<string, string?>($"Mqtt:home:{pair.Key}", pair.Value)))
        .Build()
        .GetSection("Mqtt:home");

    private static void Compare(object before, object after, string path, List<string> untouched)
    {
        foreach (PropertyInfo property in before.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance))
        {
            object? old = property.GetValue(before);
            object? now = property.GetValue(after);
            if (old is MqttReconnectOptions or MqttOutboxOptions or MqttLimits or MqttTlsOptions or MqttWebSocketOptions)
                Compare(old, now!, $"{path}{property.Name}.", untouched);
            else if (old is ICollection ? ((ICollection)now!).Count == 0 : Equals(old, now))
                untouched.Add(path + property.Name);
        }
    }
}
