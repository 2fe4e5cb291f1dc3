using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.Conformance;

/// <summary>Chapter 3.2: what CONNACK says, and what the broker then holds clients to.</summary>
public class ConnAckTests
{
    private static readonly BrokerOptions Quiet = new() { SysIntervalSeconds = 0 };

    public static TheoryData<ReasonCode, ConnectReturnCode> Refusals() => new()
    {
        { ReasonCode.BadUserNameOrPassword, ConnectReturnCode.BadUserNameOrPassword },
        { ReasonCode.NotAuthorized, ConnectReturnCode.NotAuthorized },
        { ReasonCode.Banned, ConnectReturnCode.NotAuthorized },
        { ReasonCode.ServerUnavailable, ConnectReturnCode.ServerUnavailable },
        { ReasonCode.ServerBusy, ConnectReturnCode.ServerUnavailable },
    };

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-3.2.2-1")]
    public void The_reserved_bits_of_the_acknowledge_flags_are_0(ProtocolVersion version)
    {
        var broker = new TestBroker(Quiet);
        TestClient client = broker.Open();
        client.Connect("client", version, clean: false, expiry: Expiry(version));
        Assert.Equal(0, Flags(client));
        client.Cut();
        TestClient again = broker.Open();
        again.Connect("client", version, clean: false, expiry: Expiry(version));
        Assert.Equal(version == ProtocolVersion.Mqtt31 ? 0 : 1, Flags(again));
    }

    [Theory]
    [ClassData(typeof(NumberedVersions))]
    [Clause("MQTT-3.2.2-2")]
    [Clause311("MQTT-3.2.2-1")]
    public void A_clean_start_finds_no_session_even_if_there_was_one(ProtocolVersion version)
    {
        var broker = new TestBroker(Quiet);
        TestClient client = broker.Open();
        client.Connect("client", version, clean: false, expiry: Expiry(version));
        client.Cut();
        Seen answer = broker.Open().Connect("client", version, clean: true, expiry: Expiry(version));
        Assert.Equal((ReasonCode.Success, false), (answer.Reason, answer.SessionPresent));
    }

    [Theory]
    [ClassData(typeof(NumberedVersions))]
    [Clause("MQTT-3.2.2-3")]
    [Clause311("MQTT-3.2.2-2")]
    [Clause311("MQTT-3.2.2-3")]
    public void Without_clean_start_CONNACK_says_whether_there_was_a_session(ProtocolVersion version)
    {
        var broker = new TestBroker(Quiet);
        TestClient client = broker.Open();
        Seen answer = client.Connect("client", version, clean: false, expiry: Expiry(version));
        Assert.Equal((ReasonCode.Success, false), (answer.Reason, answer.SessionPresent));
        client.Cut();
        answer = broker.Open().Connect("client", version, clean: false, expiry: Expiry(version));
        Assert.Equal((ReasonCode.Success, true), (answer.Reason, answer.SessionPresent));
    }

    [Theory]
    [MemberData(nameof(Refusals))]
    [Clause("MQTT-3.2.2-6")]
    [Clause("MQTT-3.2.2-7")]
    [Clause("MQTT-3.1.4-2")]
    [Clause("MQTT-3.14.0-1")]
    [Clause("MQTT-4.13.2-1")]
    [Clause311("MQTT-3.2.2-4")]
    [Clause311("MQTT-3.2.2-5")]
    public void A_refusal_says_why_without_session_present_and_closes(ReasonCode reason, ConnectReturnCode returnCode)
    {
        foreach (ProtocolVersion version in Enum.GetValues<ProtocolVersion>())
        {
            bool refuse = false;
            var broker = new TestBroker(Quiet, authenticator: new AskedAuthenticator(_ => refuse ? AuthenticationStep.Refuse(reason) : AuthenticationStep.Success()));
            TestClient client = broker.Open();
            client.Connect("client", version, clean: false, expiry: Expiry(version));
            client.Cut();
            refuse = true;
            TestClient again = broker.Open();
            Seen answer = again.Connect("client", version, clean: false, expiry: Expiry(version));
            Assert.Equal((reason, returnCode, false), (version == ProtocolVersion.Mqtt50 ? answer.Reason : reason, answer.ReturnCode, answer.SessionPresent));
            Assert.Null(again.TryNext());
            Assert.True(again.IsClosed);
        }
    }

    [Theory]
    [InlineData(ReasonCode.Success)]
    [InlineData(ReasonCode.PacketIdentifierInUse)]
    [InlineData(ReasonCode.KeepAliveTimeout)]
    [Clause("MQTT-3.2.2-8")]
    public void A_reason_that_CONNACK_does_not_know_becomes_not_authorized(ReasonCode reason)
    {
        var broker = new TestBroker(Quiet, authenticator: new AskedAuthenticator(_ => AuthenticationStep.Refuse(reason)));
        TestClient client = broker.Open();
        Assert.Equal(ReasonCode.NotAuthorized, client.Connect("client").Reason);
        Assert.True(client.IsClosed);
    }

    [Fact]
    [Clause311("MQTT-3.2.2-6")]
    public void Where_no_return_code_fits_3_1_1_is_closed_without_CONNACK()
    {
        TestClient client = new RawConnect(ProtocolVersion.Mqtt311)
        {
            Flags = 0x06,
            Fields = [RawConnect.Text("client"), RawConnect.Text("no/topic/#"), RawConnect.Text("payload")],
        }.SendOn(new TestBroker(Quiet).Open());
        Assert.True(client.IsClosed);
        Assert.Empty(client.Link.Arrived);
    }

    [Fact]
    public void A_broker_without_limits_announces_none_but_its_own_bounds()
    {
        Seen answer = new TestBroker(Quiet with { ReceiveMaximum = 65535 }).Open().Connect("client", expiry: 100, keepAlive: 60);
        Assert.Equal(Quiet.MaximumPacketSize, answer.MaximumPacketSize);
        Assert.Equal(Quiet.TopicAliasMaximum, answer.TopicAliasMaximum);
        Assert.Null(answer.ReceiveMaximum);
        Assert.Null(answer.MaximumQoS);
        Assert.Null(answer.RetainAvailable);
        Assert.Null(answer.WildcardAvailable);
        Assert.Null(answer.SharedAvailable);
        Assert.Null(answer.SubscriptionIdsAvailable);
        Assert.Null(answer.SessionExpirySeconds);
        Assert.Null(answer.ServerKeepAliveSeconds);
        Assert.Equal("", answer.AssignedClientId);
        Assert.Equal("", answer.ReasonString);
    }

    [Fact]
    public void What_the_broker_does_not_have_is_announced()
    {
        BrokerOptions options = Quiet with
        {
            RetainAvailable = false,
            WildcardSubscriptionAvailable = false,
            SharedSubscriptionAvailable = false,
            SubscriptionIdentifiersAvailable = false,
            TopicAliasMaximum = 0,
            ReceiveMaximum = 7,
            MaximumPacketSize = 5000,
            SessionExpirySecondsMax = 60,
            KeepAliveSecondsMax = 30,
        };
        Seen answer = new TestBroker(options).Open().Connect("client", expiry: 100, keepAlive: 60);
        Assert.False(answer.RetainAvailable);
        Assert.False(answer.WildcardAvailable);
        Assert.False(answer.SharedAvailable);
        Assert.False(answer.SubscriptionIdsAvailable);
        Assert.Null(answer.TopicAliasMaximum);
        Assert.Equal((ushort)7, answer.ReceiveMaximum);
        Assert.Equal(5000u, answer.MaximumPacketSize);
        Assert.Equal(60u, answer.SessionExpirySeconds);
        Assert.Equal((ushort)30, answer.ServerKeepAliveSeconds);
    }

    [Theory]
    [InlineData(QoS.AtMostOnce)]
    [InlineData(QoS.AtLeastOnce)]
    [Clause("MQTT-3.2.2-9")]
    [Clause("MQTT-3.2.2-10")]
    [Clause("MQTT-3.2.2-11")]
    public void A_maximum_QoS_is_announced_and_kept_to_while_every_subscription_is_accepted(QoS maximum)
    {
        TestClient client = new TestBroker(Quiet with { MaximumQoS = maximum }).Open();
        Assert.Equal(maximum, client.Connect("client").MaximumQoS);
        Assert.Equal([0, (byte)maximum, (byte)maximum], client.Subscribe(1, 0, ("a", 0), ("b", 1), ("c", 2)).Codes);
        client.Publish("t", "x", maximum + 1);
        client.AssertClosed(ReasonCode.QoSNotSupported);
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-3.2.2-12")]
    public void A_will_above_the_maximum_QoS_is_rejected(ProtocolVersion version)
    {
        var broker = new TestBroker(Quiet with { MaximumQoS = QoS.AtLeastOnce });
        TestClient client = broker.Open();
        Seen answer = client.Connect("client", version, will: new TestWill("w", QoS: QoS.ExactlyOnce));
        Assert.Equal(version == ProtocolVersion.Mqtt50 ? ReasonCode.QoSNotSupported : ReasonCode.ServerUnavailable, answer.Reason);
        Assert.True(client.IsClosed);
        Assert.Equal(ReasonCode.Success, broker.Open().Connect("client", version, will: new TestWill("w", QoS: QoS.AtLeastOnce)).Reason);
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-3.2.2-13")]
    public void A_retained_will_is_rejected_where_nothing_is_retained(ProtocolVersion version)
    {
        TestClient client = new TestBroker(Quiet with { RetainAvailable = false }).Open();
        Seen answer = client.Connect("client", version, will: new TestWill("w", Retain: true));
        Assert.Equal(version == ProtocolVersion.Mqtt50 ? ReasonCode.RetainNotSupported : ReasonCode.ServerUnavailable, answer.Reason);
        Assert.True(client.IsClosed);
    }

    [Fact]
    [Clause("MQTT-3.2.2-14")]
    public void A_retained_publish_ends_the_connection_where_nothing_is_retained()
    {
        TestClient client = new TestBroker(Quiet with { RetainAvailable = false }).Open();
        client.Connect("client");
        client.Publish("t", "x", retain: true);
        client.AssertClosed(ReasonCode.RetainNotSupported);
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-3.2.2-15")]
    public void A_packet_above_the_broker_s_maximum_size_ends_the_connection(ProtocolVersion version)
    {
        var broker = new TestBroker(Quiet with { MaximumPacketSize = 200 });
        int overhead = version == ProtocolVersion.Mqtt50 ? 7 : 6;
        TestClient client = broker.Open();
        client.Connect("client", version);
        client.Publish("t", new string('x', 200 - overhead));
        Assert.False(client.IsClosed);
        client.Publish("t", new string('x', 201 - overhead));
        client.AssertClosed(ReasonCode.PacketTooLarge);
    }

    [Fact]
    public void A_packet_that_is_too_large_is_refused_before_its_body_has_come()
    {
        TestClient client = new TestBroker(Quiet with { MaximumPacketSize = 200 }).Open();
        client.Connect("client");
        client.SendBytes(0x30, 0xFF, 0xFF, 0x7F);
        client.AssertClosed(ReasonCode.PacketTooLarge);
    }

    [Fact]
    [Clause("MQTT-3.2.2-17")]
    public void An_alias_above_the_announced_maximum_ends_the_connection()
    {
        TestClient client = new TestBroker(Quiet with { TopicAliasMaximum = 5 }).Open();
        Assert.Equal((ushort)5, client.Connect("client").TopicAliasMaximum);
        client.Publish("t", "x", alias: 5);
        Assert.False(client.IsClosed);
        client.Publish("t", "x", alias: 6);
        client.AssertClosed(ReasonCode.TopicAliasInvalid);
    }

    [Fact]
    [Clause("MQTT-3.2.2-18")]
    public void Where_no_aliases_are_announced_every_alias_ends_the_connection()
    {
        TestClient client = new TestBroker(Quiet with { TopicAliasMaximum = 0 }).Open();
        Assert.Null(client.Connect("client").TopicAliasMaximum);
        client.Publish("t", "x", alias: 1);
        client.AssertClosed(ReasonCode.TopicAliasInvalid);
    }

    [Fact]
    public void The_announced_receive_maximum_is_enforced()
    {
        TestClient client = new TestBroker(Quiet with { ReceiveMaximum = 2 }).Open();
        Assert.Equal((ushort)2, client.Connect("client").ReceiveMaximum);
        client.Publish("t", "1", QoS.ExactlyOnce, packetId: 1);
        client.Publish("t", "2", QoS.ExactlyOnce, packetId: 2);
        Assert.Equal(2, client.Rest().Count);
        client.Publish("t", "3", QoS.ExactlyOnce, packetId: 3);
        client.AssertClosed(ReasonCode.ReceiveMaximumExceeded);
    }

    [Theory]
    [InlineData(null, "")]
    [InlineData(false, "")]
    [InlineData(true, "respond/here")]
    [Clause("MQTT-3.1.2-28")]
    public void Response_information_is_given_only_to_who_asks_for_it(bool? asked, string expected)
    {
        var broker = new TestBroker(Quiet with { ResponseInformation = "respond/here" });
        Assert.Equal(expected, broker.Open().Connect("client", requestResponseInformation: asked).ResponseInformation);
    }

    [Fact]
    [Clause("MQTT-3.2.2-19")]
    public void A_reason_string_that_the_client_could_not_take_is_left_out()
    {
        var broker = new TestBroker(Quiet, authenticator: new AskedAuthenticator(_ => AuthenticationStep.Refuse(ReasonCode.Banned)));
        Assert.NotEmpty(broker.Open().Connect("client").ReasonString);
        foreach (uint size in Enumerable.Range(5, 60).Select(size => (uint)size))
        {
            Seen answer = broker.Open().Connect("client", maximumPacketSize: size);
            Assert.InRange((uint)answer.Length, 5u, size);
            Assert.Equal(ReasonCode.Banned, answer.Reason);
        }
    }

    [Fact]
    [Clause("MQTT-3.1.2-24")]
    public void Who_could_not_take_the_CONNACK_is_refused_with_a_packet_that_fits_or_none()
    {
        var broker = new TestBroker(Quiet);
        TestClient watcher = broker.Open();
        watcher.Connect("watcher");
        watcher.Subscribe("#");
        int whole = broker.Open().Connect("client").Length;
        for (uint size = 1; size < 40; size++)
        {
            TestClient client = broker.Open();
            client.Send(new ConnectPacket
            {
                CleanStart = true,
                ClientId = "client"u8,
                MaximumPacketSize = size,
                HasWill = true,
                WillTopic = "will"u8,
            });
            Assert.InRange((uint)client.Link.Arrived.Count, 0u, size);
            Seen? answer = client.TryNext();
            Assert.Equal(size < whole, client.IsClosed);
            Assert.Equal(size < 5 ? null : size < whole ? ReasonCode.PacketTooLarge : ReasonCode.Success, answer?.Reason);
            Assert.Null(watcher.TryNext());
            client.Disconnect();
        }
    }

    private static uint? Expiry(ProtocolVersion version) => version == ProtocolVersion.Mqtt50 ? 1000 : null;

    /// <summary>The acknowledge flags of the CONNACK that has arrived.</summary>
    private static byte Flags(TestClient client)
    {
        Assert.Equal(0x20, client.Link.Arrived[0]);
        return client.Link.Arrived[2];
    }
}
