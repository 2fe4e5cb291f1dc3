using System.Text;
using Whimbrel.Cli.Commands;
using Whimbrel.Cli.Connections;
using Whimbrel.Client;
using Whimbrel.Protocol;

namespace Whimbrel.Cli.Tests;

public class ArgumentTests
{
    private static PubSettings Pub(params string[] arguments) => Pub(new ToolWorld(), arguments);

    private static PubSettings Pub(ToolWorld world, params string[] arguments)
    {
        var context = world.Context;
        var root = Tool.Build(context);
        var parsed = Tool.Parse(root, ["pub", .. arguments]);
        Assert.Empty(parsed.Errors);
        return root.Subcommands.OfType<PubCommand>().Single().Read(parsed, context);
    }

    private static SubSettings Sub(params string[] arguments)
    {
        var context = new ToolWorld().Context;
        var root = Tool.Build(context);
        var parsed = Tool.Parse(root, ["sub", .. arguments]);
        Assert.Empty(parsed.Errors);
        return root.Subcommands.OfType<SubCommand>().Single().Read(parsed, context);
    }

    private static string PasswordOf(MqttClientOptions options) => Encoding.UTF8.GetString(options.Credentials!.Password!.Value.Span);

    private static string ProblemOf(Func<object> read) => Assert.Throws<UsageFailure>(read).Problems[0];

    [Fact]
    public void Topic_and_payload_may_stand_without_flags()
    {
        var settings = Pub("a/b", "hello");
        Assert.Equal(("a/b", PayloadSource.Text, "hello"), (settings.Topic, settings.Source, settings.Text));
        Assert.Equal(["mqtt://localhost:1883"], settings.Client.Options.Endpoints);
    }

    [Fact]
    public void A_word_is_the_payload_where_the_topic_has_a_flag() => Assert.Equal(("a", "hello"), (Pub("-t", "a", "hello").Topic, Pub("-t", "a", "hello").Text));

    [Fact]
    public void A_word_is_the_topic_where_the_payload_has_a_flag() => Assert.Equal(PayloadSource.Lines, Pub("a", "-l").Source);

    [Theory]
    [InlineData("-5")]
    [InlineData("-t")]
    [InlineData("--help")]
    [InlineData("@file")]
    [InlineData("a=b:c")]
    [InlineData("")]
    [InlineData("--")]
    [InlineData("[diagram]")]
    public void What_follows_a_flag_that_takes_a_value_is_its_value_whatever_it_looks_like(string payload) =>
        Assert.Equal(payload, Pub("-t", "a", "-m", payload).Text);

    [Fact]
    public void What_follows_two_dashes_is_a_word() => Assert.Equal("-x", Pub("--", "a", "-x").Text);

    [Fact]
    public void All_the_flags_of_a_connection_are_read()
    {
        var settings = Pub(
            "-h", "example.org", "-p", "1885", "-u", "me", "-P", "secret", "-i", "id", "-k", "30", "-V", "5", "-x", "600", "-c", "-q", "2", "-r",
            "--will-topic", "w", "--will-payload", "gone", "--will-qos", "1", "--will-retain", "--repeat", "3", "--repeat-delay", "0.5", "-d", "--quiet", "-t", "a", "-m", "b");
        var options = settings.Client.Options;
        Assert.Equal(["mqtt://example.org:1885"], options.Endpoints);
        Assert.Equal(("me", "secret", "id"), (options.Credentials!.UserName, PasswordOf(options), options.ClientId));
        Assert.Equal((TimeSpan.FromSeconds(30), false, TimeSpan.FromSeconds(600)), (options.KeepAlive, options.CleanStart, options.SessionExpiry));
        Assert.Equal(("w", "gone", MqttQoS.AtLeastOnce, true), (options.Will!.Topic, Encoding.UTF8.GetString(options.Will.Payload.Span), options.Will.QoS, options.Will.Retain));
        Assert.Equal((MqttQoS.ExactlyOnce, true, 3, TimeSpan.FromSeconds(0.5)), (settings.Client.QoS, settings.Retain, settings.Repeat, settings.RepeatDelay));
        Assert.True(settings.Client.IsDebug && settings.Client.IsQuiet);
        Assert.Equal(MqttProtocolVersion.Mqtt50, options.ProtocolVersion);
    }

    [Theory]
    [InlineData("31", MqttProtocolVersion.Mqtt31)]
    [InlineData("311", MqttProtocolVersion.Mqtt311)]
    [InlineData("5", MqttProtocolVersion.Mqtt50)]
    [InlineData("mqttv31", MqttProtocolVersion.Mqtt31)]
    [InlineData("mqttv311", MqttProtocolVersion.Mqtt311)]
    [InlineData("mqttv5", MqttProtocolVersion.Mqtt50)]
    public void A_version_has_mosquitto_s_names(string text, MqttProtocolVersion version) =>
        Assert.Equal(version, Pub("a", "b", "-V", text).Client.Options.ProtocolVersion);

    [Fact]
    public void Without_a_version_5_is_tried_and_may_fall_back()
    {
        var options = Pub("a", "b").Client.Options;
        Assert.Equal((MqttProtocolVersion.Auto, ""), (options.ProtocolVersion, options.ClientId));
    }

    [Fact]
    public void What_only_5_has_forbids_the_fall_back()
    {
        Assert.Equal(MqttProtocolVersion.Mqtt50, Pub("a", "b", "-x", "5").Client.Options.ProtocolVersion);
        Assert.Equal(MqttProtocolVersion.Mqtt50, Pub("a", "b", "-D", "publish", "content-type", "x").Client.Options.ProtocolVersion);
        Assert.Equal(MqttProtocolVersion.Mqtt50, Pub("a", "b", "-P", "x").Client.Options.ProtocolVersion);
    }

    [Fact]
    public void A_prefix_is_followed_by_the_process_id() =>
        Assert.Equal($"pre-{Environment.ProcessId}", Pub("a", "b", "-I", "pre-").Client.Options.ClientId);

    [Theory]
    [InlineData("-1", null)]
    [InlineData("∞", null)]
    [InlineData("0", 0u)]
    [InlineData("4294967294", uint.MaxValue - 1)]
    public void Session_expiry_is_a_number_or_for_ever(string text, uint? seconds) => Assert.Equal(
        seconds is { } number ? TimeSpan.FromSeconds(number) : TimeSpan.MaxValue, Pub("a", "b", "-x", text).Client.Options.SessionExpiry);

    [Fact]
    public void A_session_that_is_kept_is_kept_for_ever_unless_said_otherwise()
    {
        Assert.Equal(TimeSpan.MaxValue, Sub("a", "-c", "-i", "x").Client.Options.SessionExpiry);
        Assert.Equal(TimeSpan.FromSeconds(60), Sub("a", "-c", "-i", "x", "-x", "60").Client.Options.SessionExpiry);
        Assert.Equal(TimeSpan.MaxValue, Sub("a", "-c", "-i", "x", "-V", "311").Client.Options.SessionExpiry);
        Assert.Null(Sub("a", "-i", "x").Client.Options.SessionExpiry);
    }

    [Theory]
    [InlineData("which topic? whimbrel pub TOPIC PAYLOAD, or -t TOPIC")]
    [InlineData("which payload? whimbrel pub TOPIC PAYLOAD, -m TEXT, -f FILE, -s, -l, or -n for an empty one", "a")]
    [InlineData("-m and -l are several payloads; say one", "-t", "a", "-m", "x", "-l")]
    [InlineData("'a/+' has wildcards: a message is published to one topic", "a/+", "b")]
    [InlineData("-q must be 0, 1 or 2, not '3'", "a", "b", "-q", "3")]
    [InlineData("-p must be a number from 1 to 65535, not 'x'", "a", "b", "-p", "x")]
    [InlineData("-k must be a number from 0 to 65535, not '70000'", "a", "b", "-k", "70000")]
    [InlineData("-V must be 31, 311 or 5, not '4'", "a", "b", "-V", "4")]
    [InlineData("-x must be a number of seconds up to 4294967294, or -1 for ever, not 'y'", "a", "b", "-x", "y")]
    [InlineData("MQTT 3.1.1 has no properties: leave -D and -x out, or use -V 5", "a", "b", "-V", "311", "-x", "5")]
    [InlineData("MQTT 3.1.1 takes no password without a user name: use -u", "a", "b", "-V", "311", "-P", "5")]
    [InlineData("-i and -I are two client identifiers; leave one out", "a", "b", "-i", "x", "-I", "y")]
    [InlineData("-c keeps the session of a client identifier: say which with -i", "a", "b", "-c")]
    [InlineData("a will needs --will-topic", "a", "b", "--will-retain")]
    [InlineData("--will-topic 'w/#' is not a topic name: it must not be empty or contain + or #", "a", "b", "--will-topic", "w/#")]
    [InlineData("--repeat repeats one message; leave it or -l out", "a", "-l", "--repeat", "2")]
    [InlineData("--repeat must be a number from 1 to 2147483647, not '0'", "a", "b", "--repeat", "0")]
    [InlineData("-L says where the broker is; leave -h, -p, --unix and --ws out", "-L", "mqtt://x/a", "-m", "b", "-h", "y")]
    [InlineData("mqtt://x:1883 is not encrypted, so TLS options mean nothing there: use mqtts:// or wss://", "-L", "mqtt://x/a", "-m", "b", "--insecure")]
    [InlineData("--cafile /nonexistent: there is no such file", "a", "b", "--cafile", "/nonexistent")]
    [InlineData("--proxy must be socks5://[user[:password]@]host[:port] or http://..., not 'ftp://x'", "a", "b", "--proxy", "ftp://x")]
    [InlineData("--unix says where the broker is; leave -h, -p, --ws and what means TLS out", "a", "b", "--unix", "/x", "-p", "5")]
    [InlineData("-P and --password-file are two passwords; leave one out", "a", "b", "-u", "x", "-P", "y", "--password-file", "/nonexistent")]
    public void Wrong_options_of_pub_are_named(string problem, params string[] arguments) => Assert.Equal(problem, ProblemOf(() => Pub(arguments)));

    [Theory]
    [InlineData("which topics? whimbrel sub FILTER..., such as 'sensors/#'")]
    [InlineData("'a/#/b' is not a topic filter: + and # stand alone between slashes, and # comes last", "a/#/b")]
    [InlineData("-T 'a+' is not a topic filter: + and # stand alone between slashes, and # comes last", "a", "-T", "a+")]
    [InlineData("-F, --json and -v are different formats; say one", "a", "-v", "--json")]
    [InlineData("-F: there is no field '%z' in '%z'", "a", "-F", "%z")]
    [InlineData("-C must be a number from 1 to 9223372036854775807, not '0'", "a", "-C", "0")]
    [InlineData("-W must be a number of seconds above 0, not '0'", "a", "-W", "0")]
    [InlineData("--retain-handling must be always, new or never, not 'x'", "a", "--retain-handling", "x")]
    [InlineData("--retain-handling, --retain-as-published and --no-local need MQTT 5.0: leave -V out", "a", "-V", "311", "--no-local")]
    [InlineData("-R and --retained-only leave nothing to print", "a", "-R", "--retained-only")]
    public void Wrong_options_of_sub_are_named(string problem, params string[] arguments) => Assert.Equal(problem, ProblemOf(() => Sub(arguments)));

    [Theory]
    [InlineData("unknown option --topci; did you mean --topic?", "--topci", "x")]
    [InlineData("unknown option -Z", "-Z")]
    [InlineData("--psk: pre-shared keys are not supported; use certificates", "--psk", "x")]
    [InlineData("--capath: use --cafile, with all authorities in one file", "--capath", "x")]
    [InlineData("-t needs a value", "-t")]
    [InlineData("--retain takes no value", "--retain=yes")]
    public void Wrong_words_are_named(string problem, params string[] arguments) => Assert.Equal(problem, ProblemOf(() => Pub(arguments)));

    [Theory]
    [InlineData("mqtts://localhost:8883", "--tls")]
    [InlineData("mqtts://h:8883", "-h", "h", "--insecure")]
    [InlineData("mqtts://h:1", "-h", "h", "-p", "1", "--tls-alpn", "mqtt")]
    [InlineData("ws://localhost:80/mqtt", "--ws")]
    [InlineData("wss://h:8084/mqtt", "--ws", "-h", "h", "-p", "8084", "--tls")]
    public void Flags_choose_the_way_and_the_way_the_port(string endpoint, params string[] arguments) =>
        Assert.Equal([endpoint], Pub(["a", "b", .. arguments]).Client.Options.Endpoints);

    [Fact]
    public void A_proxy_keeps_its_credentials() => Assert.Equal(
        new Uri("socks5://me:pw@proxy:1080"), Pub("a", "b", "--proxy", "socks5://me:pw@proxy:1080").Client.Options.Proxy!.GetProxy(new Uri("http://h")));

    [Fact]
    public void Every_problem_is_told() =>
        Assert.Equal(3, Assert.Throws<UsageFailure>(() => Pub("a/+", "b", "-q", "9", "-p", "0")).Problems.Count);

    [Fact]
    public void Filters_come_from_flags_and_words()
    {
        var settings = Sub("-t", "a/#", "-t", "b", "c", "d/+", "-T", "a/x", "-U", "old", "-q", "1", "--no-local", "--retain-as-published", "--retain-handling", "new");
        Assert.Equal(["a/#", "b", "c", "d/+"], settings.Filters);
        Assert.Equal(["old"], settings.Unsubscribe);
        Assert.Equal("a/x"u8.ToArray(), Assert.Single(settings.FilterOut));
        var options = settings.Options;
        Assert.Equal((MqttQoS.AtLeastOnce, true, true, RetainHandling.SendIfNew), (options.QoS, options.NoLocal, options.RetainAsPublished, options.RetainHandling));
    }

    [Theory]
    [InlineData("mqtt://h", "mqtt://h:1883", null, null, null)]
    [InlineData("mqtt://h:1/", "mqtt://h:1", null, null, null)]
    [InlineData("mqtt://me@h/a/b", "mqtt://h:1883", "me", null, "a/b")]
    [InlineData("mqtt://m%40e:p%3Aw@h:2/sensors/#", "mqtt://h:2", "m@e", "p:w", "sensors/#")]
    [InlineData("mqtt://u:p@w@h/x%20y", "mqtt://h:1883", "u", "p@w", "x y")]
    [InlineData("mqtt://[::1]:5/a", "mqtt://[::1]:5", null, null, "a")]
    [InlineData("mqtts://h/a", "mqtts://h:8883", null, null, "a")]
    [InlineData("mqtts://me@g,h:2/a", "mqtts://g:8883 mqtts://h:2", "me", null, "a")]
    [InlineData("ws://h", "ws://h:80/mqtt", null, null, null)]
    [InlineData("wss://me@h:8084/way/to?x=y", "wss://h:8084/way/to?x=y", "me", null, null)]
    [InlineData("unix:///run/w.sock", "unix:///run/w.sock", null, null, null)]
    public void A_URL_has_everything(string text, string target, string? user, string? password, string? topic)
    {
        var url = BrokerUrl.TryParse(text, out string problem);
        Assert.Equal("", problem);
        Assert.Equal((target, user, password, topic), (string.Join(' ', url!.Addresses), url.UserName, url.Password, url.Topic));
    }

    [Theory]
    [InlineData("localhost")]
    [InlineData("http://h")]
    [InlineData("mqtt://")]
    [InlineData("mqtt://h:0")]
    [InlineData("mqtt://h:x")]
    [InlineData("mqtt://[::1")]
    [InlineData("unix://relative")]
    [InlineData("mqtt://h,,g")]
    public void A_wrong_URL_says_what_is_wrong(string text)
    {
        Assert.Null(BrokerUrl.TryParse(text, out string problem));
        Assert.StartsWith($"'{text}'", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void The_topic_of_a_URL_is_the_topic()
    {
        Assert.Equal("a/b", Pub("-L", "mqtt://h/a/b", "-m", "x").Topic);
        Assert.Equal(["c", "a/#"], Sub("-L", "mqtt://h/a/#", "-t", "c").Filters);
    }

    [Fact]
    public void The_environment_says_where_the_broker_is()
    {
        var world = new ToolWorld { Environment = { ["MQTT_URL"] = "mqtt://other", ["WHIMBREL_URL"] = "mqtt://me:pw@there:5/ignored" } };
        var settings = Pub(world, "a", "b");
        var options = settings.Client.Options;
        Assert.Equal(("mqtt://there:5", "me", "pw", "a"), (Assert.Single(options.Endpoints), options.Credentials!.UserName, PasswordOf(options), settings.Topic));
    }

    [Fact]
    public void The_credentials_of_the_environment_s_URL_go_to_no_other_broker()
    {
        var world = new ToolWorld { Environment = { ["MQTT_URL"] = "mqtt://me:pw@there" } };
        Assert.Null(Pub(world, "a", "b", "-h", "elsewhere").Client.Options.Credentials);
    }

    [Fact]
    public void User_and_password_may_come_from_the_environment()
    {
        var world = new ToolWorld { Environment = { ["WHIMBREL_USER"] = "me", ["WHIMBREL_PASSWORD"] = "pw" } };
        var options = Pub(world, "a", "b").Client.Options;
        Assert.Equal(("me", "pw"), (options.Credentials!.UserName, PasswordOf(options)));
        Assert.Equal("other", Pub(world, "a", "b", "-u", "other").Client.Options.Credentials!.UserName);
        Assert.Null(Pub(world, "a", "b", "-L", "mqtt://you@h/").Client.Options.Credentials!.Password);
    }

    [Fact]
    public void A_password_file_s_first_line_is_the_password()
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, "s3cret \nmore\n");
            Assert.Equal("s3cret ", PasswordOf(Pub("a", "b", "-u", "me", "--password-file", path).Client.Options));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void A_missing_password_file_is_named() => Assert.StartsWith(
        "--password-file /nonexistent: ", ProblemOf(() => Pub("a", "b", "-u", "me", "--password-file", "/nonexistent")), StringComparison.Ordinal);
}
