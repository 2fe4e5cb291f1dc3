using Whimbrel.Cli.Commands;
using Whimbrel.Cli.Wire;
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
    [InlineData("PUBLISH", "Topic-Alias", "1", PropertyScope.Publish, PropertyId.TopicAlias, 1u)]
    [InlineData("will", "will-delay-interval", "4294967295", PropertyScope.Will, PropertyId.WillDelayInterval, 4294967295u)]
    [InlineData("connect", "receive-maximum", "65535", PropertyScope.Connect, PropertyId.ReceiveMaximum, 65535u)]
    [InlineData("subscribe", "subscription-identifier", "268435455", PropertyScope.Subscribe, PropertyId.SubscriptionIdentifier, 268435455u)]
    [InlineData("disconnect", "session-expiry-interval", "0", PropertyScope.Disconnect, PropertyId.SessionExpiryInterval, 0u)]
    public void A_number_is_read(string command, string name, string value, PropertyScope scope, PropertyId id, uint number) =>
        Assert.Equal(number, Read(command, name, value)[scope].Number(id));

    [Fact]
    public void A_text_is_read() => Assert.Equal("text/plain"u8.ToArray(), Read("publish", "content-type", "text/plain")[PropertyScope.Publish].Text(PropertyId.ContentType));

    [Fact]
    public void User_properties_keep_their_order()
    {
        var sets = Read("publish", "user-property", "b", "1");
        Assert.Null(PropertyNames.TryAdd(["publish", "user-property", "a", "2"], sets));
        Assert.Null(PropertyNames.TryAdd(["publish", "user-property", "b", "3"], sets));
        var pairs = new List<string>();
        foreach (var property in new UserProperties(sets[PropertyScope.Publish].UserBlock()))
            pairs.Add($"{System.Text.Encoding.UTF8.GetString(property.Name)}={System.Text.Encoding.UTF8.GetString(property.Value)}");
        Assert.Equal(["b=1", "a=2", "b=3"], pairs);
    }

    [Theory]
    [InlineData("-D COMMAND PROPERTY VALUE, or -D COMMAND user-property NAME VALUE: something is missing", "publish", "content-type")]
    [InlineData("-D pubish: unknown command; did you mean publish?", "pubish", "content-type", "x")]
    [InlineData("-D publish contnt-type: unknown property; did you mean content-type?", "publish", "contnt-type", "x")]
    [InlineData("-D publish receive-maximum: PUBLISH does not have this property", "publish", "receive-maximum", "5")]
    [InlineData("-D publish user-property: takes a name and a value", "publish", "user-property", "x")]
    [InlineData("-D connect receive-maximum: must be a number from 1 to 65535, not '0'", "connect", "receive-maximum", "0")]
    [InlineData("-D publish topic-alias: must be a number from 1 to 65535, not '-1'", "publish", "topic-alias", "-1")]
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
        Assert.False(settings.Client.Connect.Properties[PropertyScope.Publish].IsEmpty);
    }

    [Fact]
    public void CONNECT_carries_what_was_given()
    {
        var sets = Read("connect", "receive-maximum", "20");
        foreach (string[] words in new string[][]
        {
            ["connect", "maximum-packet-size", "5000"], ["connect", "topic-alias-maximum", "7"], ["connect", "request-problem-information", "0"],
            ["connect", "request-response-information", "1"], ["connect", "authentication-method", "m"], ["connect", "authentication-data", "d"],
            ["connect", "user-property", "a", "b"], ["will", "will-delay-interval", "5"], ["will", "message-expiry-interval", "9"], ["will", "content-type", "c"],
        })
        {
            Assert.Null(PropertyNames.TryAdd(words, sets));
        }

        byte[] bytes = WireHandshake.Encode(new WireConnect
        {
            ClientId = "id",
            UserName = "u",
            Password = [1, 2],
            SessionExpirySeconds = 30,
            Will = new WireMessage("w", "gone"u8.ToArray(), QoS.AtLeastOnce, true),
            Properties = sets,
        });
        Assert.Equal(FrameStatus.Complete, FrameReader.TryRead(bytes, uint.MaxValue, out var frame, out _, out _));
        Assert.True(ConnectPacket.TryParse(frame, out var packet, out var violation), violation.Detail);
        Assert.Equal((20, 5000u, 7), ((int)packet.ReceiveMaximum!, (uint)packet.MaximumPacketSize!, (int)packet.TopicAliasMaximum!));
        Assert.Equal((false, true, 30u), ((bool)packet.RequestProblemInformation!, (bool)packet.RequestResponseInformation!, (uint)packet.SessionExpirySeconds!));
        Assert.True(packet.AuthenticationMethod.SequenceEqual("m"u8) && packet.AuthenticationData.SequenceEqual("d"u8));
        Assert.True(packet.HasWill && packet.WillTopic.SequenceEqual("w"u8) && packet.WillPayload.SequenceEqual("gone"u8) && packet.WillRetain);
        Assert.Equal((5u, 9u), (packet.WillDelaySeconds, (uint)packet.WillMessageExpirySeconds!));
        Assert.True(packet.HasUserName && packet.HasPassword && packet.Password.SequenceEqual((byte[])[1, 2]));
    }
}
