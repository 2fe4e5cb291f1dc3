using System.Text;
using Whimbrel.Broker;
using Whimbrel.Client;
using Whimbrel.Client.Testing;
using Whimbrel.Protocol;

namespace Whimbrel.EndToEnd.Client;

/// <summary>Enhanced authentication in several steps, at CONNECT and on a standing connection.</summary>
public class AuthenticationTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Every_connection_and_every_re_authentication_goes_through_all_steps()
    {
        var method = new Riddle();
        await using TestBroker broker = await TestBroker.StartAsync(options => options.AuthenticationMethods.Add(method));
        var solver = new Solver();
        await using MqttClient client = New(broker, solver);
        await client.ConnectAsync().WaitAsync(Limit);
        await client.ReauthenticateAsync().WaitAsync(Limit);
        Task lost = ClientTests.Next(client, MqttConnectionState.Reconnecting);
        broker.DropConnections();
        await lost.WaitAsync(Limit);
        await client.WaitForConnectedAsync().WaitAsync(Limit);
        await client.PingAsync().WaitAsync(Limit);
        Assert.Equal(["hello 1", "6x7?", "hello 2", "6x7?", "hello 3", "6x7?"], solver.Said);
        Assert.Equal(3, method.Solved);
        Assert.Equal(2, broker.Accepted);
    }

    [Fact]
    public async Task A_wrong_answer_refuses_the_connection_for_good()
    {
        await using TestBroker broker = await TestBroker.StartAsync(options => options.AuthenticationMethods.Add(new Riddle()));
        await using MqttClient client = New(broker, new Solver { Answer = "41" });
        MqttConnectException refused = await Assert.ThrowsAsync<MqttConnectException>(() => client.ConnectAsync().WaitAsync(Limit));
        Assert.Equal(ReasonCode.NotAuthorized, refused.ReasonCode);
        Assert.Equal((MqttConnectionState.Faulted, 1), (client.State, broker.Accepted));
    }

    [Fact]
    public async Task A_re_authentication_that_fails_is_told_to_the_one_who_asked_for_it()
    {
        await using TestBroker broker = await TestBroker.StartAsync(options => options.AuthenticationMethods.Add(new Riddle()));
        var solver = new Solver();
        await using MqttClient client = New(broker, solver);
        await client.ConnectAsync().WaitAsync(Limit);
        Task faulted = ClientTests.Next(client, MqttConnectionState.Faulted);
        solver.Answer = "41";
        MqttException refused = await Assert.ThrowsAnyAsync<MqttException>(() => client.ReauthenticateAsync().WaitAsync(Limit));
        Assert.Equal(ReasonCode.NotAuthorized, refused.ReasonCode);
        await faulted.WaitAsync(Limit);
    }

    [Fact]
    public async Task A_connection_that_is_lost_meanwhile_ends_the_wait_for_a_re_authentication()
    {
        await using TestBroker broker = await TestBroker.StartAsync(options => options.AuthenticationMethods.Add(new Riddle()));
        await using MqttClient client = New(broker, new Solver());
        await client.ConnectAsync().WaitAsync(Limit);
        Task asking;
        using (broker.HalfOpen())
        {
            asking = client.ReauthenticateAsync();
            Assert.False(asking.IsCompleted);
        }

        await Assert.ThrowsAsync<MqttNotConnectedException>(() => asking.WaitAsync(Limit));
    }

    private static MqttClient New(TestBroker broker, IMqttAuthenticator authenticator) => new(new MqttClientOptions
    {
        Endpoints = { broker.Uri },
        Authenticator = authenticator,
        Reconnect = { DelayMin = TimeSpan.FromMilliseconds(1), DelayMax = TimeSpan.FromMilliseconds(20) },
    });

    /// <summary>The client's side. Greets with a number that is another each time.</summary>
    private sealed class Solver : IMqttAuthenticator
    {
        private int _times;

        public string Method => "riddle";

        public string Answer { get; set; } = "42";

        public List<string> Said { get; } = [];

        public ValueTask<ReadOnlyMemory<byte>?> StartAsync(CancellationToken cancellationToken)
        {
            Said.Add($"hello {++_times}");
            return ValueTask.FromResult<ReadOnlyMemory<byte>?>(Encoding.UTF8.GetBytes(Said[^1]));
        }

        public ValueTask<ReadOnlyMemory<byte>?> ContinueAsync(ReadOnlyMemory<byte> challenge, CancellationToken cancellationToken)
        {
            Said.Add(Encoding.UTF8.GetString(challenge.Span));
            return ValueTask.FromResult<ReadOnlyMemory<byte>?>(Encoding.UTF8.GetBytes(Answer));
        }
    }

    /// <summary>The broker's side: asks after a greeting, and wants 42.</summary>
    private sealed class Riddle : IAuthenticationMethod
    {
        private int _solved;

        public string Name => "riddle";

        public int Solved => _solved;

        public IAuthenticationExchange Begin(ConnectRequest request) => new Exchange(this);

        private sealed class Exchange(Riddle riddle) : IAuthenticationExchange
        {
            private bool _hasAsked;

            public AuthenticationStep Next(ReadOnlySpan<byte> authenticationData, Func<Pending<AuthenticationStep>> defer)
            {
                if (!_hasAsked)
                {
                    _hasAsked = authenticationData.StartsWith("hello"u8);
                    return _hasAsked ? AuthenticationStep.Continue("6x7?"u8.ToArray()) : AuthenticationStep.Refuse(ReasonCode.NotAuthorized);
                }

                if (!authenticationData.SequenceEqual("42"u8))
                    return AuthenticationStep.Refuse(ReasonCode.NotAuthorized);
                Interlocked.Increment(ref riddle._solved);
                return AuthenticationStep.SuccessAs("solver");
            }
        }
    }
}
