using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.Conformance;

/// <summary>Whose permissions a client has: those of the user that its authentication found, never those of a name it only claims.</summary>
public class UserNameTests
{
    private readonly RiddleMethod _method = new();
    private readonly AskedAuthorizer _authorizer = new((_, _) => Verdict.Allowed);

    [Theory]
    [ClassData(typeof(EveryVersion))]
    public void With_a_password_it_is_the_name_that_was_checked_with_it(ProtocolVersion version)
    {
        var broker = new TestBroker(authorizer: _authorizer, authenticator: new AskedAuthenticator(_ => AuthenticationStep.Success()));
        AskEverything(broker.Open(), client => client.Connect("client", version, will: new TestWill("w"), userName: "alice", password: "secret"));
        Assert.Equal(Enumerable.Repeat("alice", 5), _authorizer.UserNames);
    }

    [Fact]
    public void An_authenticator_may_find_another_name_than_the_one_given()
    {
        var broker = new TestBroker(authorizer: _authorizer, authenticator: new AskedAuthenticator(_ => AuthenticationStep.SuccessAs("alice")));
        AskEverything(broker.Open(), client => client.Connect("client", will: new TestWill("w"), userName: "token", password: "secret"));
        Assert.Equal(Enumerable.Repeat("alice", 5), _authorizer.UserNames);
        Assert.Equal("alice", broker.Core.DescribeClients().Single().UserName);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("alice")]
    public void With_a_method_it_is_the_name_that_the_method_found_and_not_the_one_in_CONNECT(string? found)
    {
        _method.UserName = found;
        var broker = new TestBroker(null, _authorizer, null, _method);
        AskEverything(broker.Open(), client => Solve(client, "admin"));
        Assert.Equal(Enumerable.Repeat(found, 5), _authorizer.UserNames);
        Assert.Equal(found, broker.Core.DescribeClients().Single().UserName);
    }

    [Theory]
    [InlineData("bob")]
    [InlineData(null)]
    public void Nobody_becomes_another_user_by_authenticating_again(string? other)
    {
        _method.UserName = "alice";
        TestClient client = new TestBroker(null, _authorizer, null, _method).Open();
        Solve(client, "alice");
        Solve(client, null);
        Assert.Equal(ReasonCode.Success, client.Next(PacketType.Auth).Reason);
        _method.UserName = other;
        Solve(client, null);
        client.AssertClosed(ReasonCode.NotAuthorized);
    }

    /// <summary>Asks for all five permissions: to connect, for the will, to subscribe, to publish and to receive.</summary>
    private static void AskEverything(TestClient client, Action<TestClient> connect)
    {
        connect(client);
        client.Subscribe("t", QoS.AtMostOnce);
        client.Publish("t", "x");
        client.Next(PacketType.Publish);
    }

    /// <summary>Goes through the whole exchange: with a user name in CONNECT, without one in a re-authentication.</summary>
    private static void Solve(TestClient client, string? userName)
    {
        if (userName is not null)
            client.Connect("client", will: new TestWill("w"), userName: userName, authenticationMethod: "RIDDLE", authenticationData: "hello"u8.ToArray());
        else
            Say(client, ReasonCode.ReAuthenticate, "hello"u8);
        Say(client, ReasonCode.ContinueAuthentication, "answer"u8);
        Say(client, ReasonCode.ContinueAuthentication, "sure"u8);
        client.TakeFirst(seen => seen.Reason == ReasonCode.ContinueAuthentication);
        if (userName is null)
            client.TakeFirst(seen => seen.Reason == ReasonCode.ContinueAuthentication);
        else
            client.TakeFirst(seen => seen.Type == PacketType.ConnAck);
    }

    private static void Say(TestClient client, ReasonCode reason, ReadOnlySpan<byte> data) => client.Send(new AuthPacket
    {
        Reason = reason,
        HasAuthenticationMethod = true,
        AuthenticationMethod = "RIDDLE"u8,
        HasAuthenticationData = true,
        AuthenticationData = data,
    });
}
