using Whimbrel.Cli.Commands;
using Whimbrel.Cli.Connections;
using Whimbrel.Client;
using Whimbrel.Protocol;

namespace Whimbrel.Cli.Tests;

public class PropertyTests
{
    private static PropertySets Read(params string[] words)
    {
        var sets = new PropertySets();
        Assert.Null(PropertyNames.TryAdd(words, sets));
        return sets;
    }

    [Theory]
    [InlineData("publish", "message-expiry-interval", "60", PropertyScope.Publish, PropertyId.MessageExpiryInterval, 60u)]
    [InlineData("PUBLISH", "Payload-Format-Indicator", "1", PropertyScope.Publish, PropertyId.PayloadFormatIndicator, 1u)]
    [InlineData("will", "will-delay-interval", "4294967295", PropertyScope.Will, PropertyId.WillDelayInterval, 4294967295u)]
    [InlineData("connect", "receive-maximum", "65535", PropertyScope.Connect, PropertyId.ReceiveMaximum, 65535u)]
    [InlineData("subscribe", "subscription-identifier", "268435455", PropertyScope.Subscribe, PropertyId.SubscriptionIdentifier, 268435455u)]
    [InlineData("disconnect", "session-expiry-interval", "0", PropertyScope.Disconnect, PropertyId.SessionExpiryInterval, 0u)]
    public void A_number_is_read(string command, string name, string value, PropertyScope scope, PropertyId id, uint number) =>
        Assert.Equal(number, Read(command, name, value)[scope].Number(id));

    [Fact]
    public void A_text_is_read() => Assert.Equal("text/plain", Read("publish", "content-type", "text/plain")[PropertyScope.Publish].Text(PropertyId.ContentType));

    [Fact]
    public void User_properties_keep_their_order()
    {
        var sets = Read("publish", "user-property", "b", "1");
        Assert.Null(PropertyNames.TryAdd(["publish", "user-property", "a", "2"], sets));
        Assert.Null(PropertyNames.TryAdd(["publish", "user-property", "b", "3"], sets));
        Assert.Equal(["b=1", "a=2", "b=3"], sets[PropertyScope.Publish].UserProperties.Select(property => $"{property.Key}={property.Value}"));
    }

    [Theory]
    [InlineData("-D COMMAND PROPERTY VALUE, or -D COMMAND user-property NAME VALUE: something is missing", "publish", "content-type")]
    [InlineData("-D pubish: unknown command; did you mean publish?", "pubish", "content-type", "x")]
    [InlineData("-D publish contnt-type: unknown property; did you mean content-type?", "publish", "contnt-type", "x")]
    [InlineData("-D publish receive-maximum: PUBLISH does not have this property", "publish", "receive-maximum", "5")]
    [InlineData("-D publish user-property: takes a name and a value", "publish", "user-property", "x")]
    [InlineData("-D connect receive-maximum: must be a number from 1 to 65535, not '0'", "connect", "receive-maximum", "0")]
    [InlineData("-D publish topic-alias: aliases are given without being asked for, if the broker takes them", "publish", "topic-alias", "1")]
    [InlineData("-D will message-expiry-interval: must be a number from 1 to 4294967295, not '0'", "will", "message-expiry-interval", "0")]
    [InlineData("-D publish payload-format-indicator: must be a number from 0 to 1, not '2'", "publish", "payload-format-indicator", "2")]
    [InlineData("-D publish response-topic: 'a/#' is not a topic name", "publish", "response-topic", "a/#")]
    public void A_wrong_property_is_named(string problem, params string[] words) => Assert.Equal(problem, PropertyNames.TryAdd(words, new PropertySets()));

    [Fact]
    public void A_property_given_twice_is_named()
    {
        var sets = Read("publish", "content-type", "a");
        Assert.Equal("-D publish content-type: given twice", PropertyNames.TryAdd(["publish", "content-type", "b"], sets));
    }

    [Theory]
    [InlineData("a", "-D", "publish", "user-property", "name", "value", "b")]
    [InlineData("-D", "publish", "user-property", "name", "value", "a", "b")]
    [InlineData("a", "b", "-D", "publish", "user-property", "name", "value")]
    public void A_property_takes_its_words_and_leaves_the_others(params string[] arguments)
    {
        var context = new ToolWorld().Context;
        var root = Tool.Build(context);
        var settings = root.Subcommands.OfType<PubCommand>().Single().Read(Tool.Parse(root, ["pub", .. arguments]), context);
        Assert.Equal(("a", "b"), (settings.Topic, settings.Text));
        Assert.False(settings.Client.Properties[PropertyScope.Publish].IsEmpty);
    }

    [Fact]
    public void The_client_is_told_everything_about_CONNECT()
    {
        var context = new ToolWorld().Context;
        var root = Tool.Build(context);
        string[] arguments =
        [
            "a", "b", "-x", "30", "--will-topic", "w", "--will-payload", "gone", "-D", "connect", "receive-maximum", "20", "-D", "connect", "maximum-packet-size", "5000",
            "-D", "connect", "topic-alias-maximum", "7", "-D", "connect", "request-problem-information", "0", "-D", "connect", "request-response-information", "1",
            "-D", "connect", "authentication-method", "m", "-D", "connect", "authentication-data", "d", "-D", "connect", "user-property", "a", "b",
            "-D", "will", "will-delay-interval", "5", "-D", "will", "message-expiry-interval", "9", "-D", "will", "content-type", "c", "-D", "will", "user-property", "k", "v",
        ];
        MqttClientOptions options = root.Subcommands.OfType<PubCommand>().Single().Read(Tool.Parse(root, ["pub", .. arguments]), context).Client.Options;
        Assert.Equal((20, 5000, 7), (options.Limits.ReceiveMaximum, options.Limits.PacketBytesMax, options.Limits.TopicAliasMaximum));
        Assert.Equal((false, true, TimeSpan.FromSeconds(30)), (options.RequestProblemInformation, options.RequestResponseInformation, options.SessionExpiry));
        Assert.Equal(("m", "a=b"), (options.Authenticator!.Method, string.Join(' ', options.UserProperties.Select(p => $"{p.Key}={p.Value}"))));
        MqttWill will = options.Will!;
        Assert.Equal((TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(9), "c", "k"), (will.Delay, will.Expiry, will.ContentType, Assert.Single(will.UserProperties).Key));
    }
}
