using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Whimbrel.Broker;
using Whimbrel.Hosting;
using Whimbrel.Protocol;

namespace Whimbrel.EndToEnd;

/// <summary>The broker inside an application.</summary>
public class EmbeddingTests
{
    [Fact]
    public async Task An_application_gets_a_broker_with_one_line()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddWhimbrel(options => options.Listen.Add("mqtt://127.0.0.1:0"));
        using var host = builder.Build();
        await host.StartAsync();
        var broker = host.Services.GetRequiredService<IWhimbrelBroker>();
        Assert.Matches("^mqtt://127.0.0.1:[1-9][0-9]*$", Assert.Single(broker.Endpoints));
        await host.StopAsync();
    }

    [Fact]
    public async Task Registered_ports_are_used()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddSingleton<IAuthenticator, NobodyMay>();
        builder.Services.AddWhimbrel(options => options.Listen.Add("mqtt://127.0.0.1:0"));
        using var host = builder.Build();
        await host.StartAsync();
        var broker = host.Services.GetRequiredService<IWhimbrelBroker>();
        var socket = new System.Net.Sockets.Socket(System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Tcp);
        await socket.ConnectAsync("127.0.0.1", new Uri(broker.Endpoints[0]).Port);
        await using var client = new WireClient(socket);
        await client.SendAsync(WireClient.ConnectBytes("anybody", client.Version));
        Assert.Equal(ReasonCode.BadUserNameOrPassword, (await client.ReadAsync()).Reason);
        await host.StopAsync();
    }

    [Fact]
    public async Task What_the_program_publishes_reaches_the_clients()
    {
        await using var broker = await WiredBroker.StartAsync(Carrier.OneLoop);
        await using var client = await broker.ConnectAsync("client");
        await client.SubscribeAsync("from/#");
        Assert.Equal(ReasonCode.Success, await broker.Broker.PublishAsync("from/program", "hello"u8.ToArray()));
        Assert.Equal("hello", (await client.ReadAsync()).Payload);
        Assert.Equal(ReasonCode.NoMatchingSubscribers, await broker.Broker.PublishAsync("nobody", default));
        await Assert.ThrowsAsync<ArgumentException>(async () => await broker.Broker.PublishAsync("from/+", default));
    }

    [Fact]
    public async Task A_handler_gets_what_clients_publish_and_may_publish_itself()
    {
        await using var broker = await WiredBroker.StartAsync(Carrier.TwoLoops);
        using var subscription = broker.Broker.Subscribe("ask", async (message, stopping) =>
        {
            if (message.Payload.IsEmpty)
                throw new InvalidOperationException("a handler may fail");
            await broker.Broker.PublishAsync("answer", message.Payload, cancellationToken: stopping);
        });
        await using var client = await broker.ConnectAsync("client");
        await client.SubscribeAsync("answer");
        await client.PublishAsync("ask", "");
        await client.PublishAsync("ask", "42");
        Assert.Equal("42", (await client.ReadAsync()).Payload);
        subscription.Dispose();
        Assert.Equal(ReasonCode.NoMatchingSubscribers, await broker.Broker.PublishAsync("ask", default));
    }

    [Fact]
    public async Task A_stream_begins_with_what_is_retained_and_ends_with_the_broker()
    {
        await using var broker = await WiredBroker.StartAsync(Carrier.OneLoop);
        await broker.Broker.PublishAsync("state/lamp", "on"u8.ToArray(), retain: true);
        await using var messages = broker.Broker.SubscribeAsync("state/#").GetAsyncEnumerator();
        Assert.True(await messages.MoveNextAsync());
        Assert.True(messages.Current.IsRetained);
        Assert.Equal("on", Encoding.UTF8.GetString(messages.Current.Payload.Span));
        var next = messages.MoveNextAsync();
        await broker.StopAsync();
        Assert.False(await next.AsTask().WaitAsync(WiredBroker.Bound));
    }

    [Fact]
    public async Task A_handler_that_does_not_keep_up_loses_messages_with_a_name()
    {
        await using var broker = await WiredBroker.StartAsync(Carrier.OneLoop);
        var goOn = new TaskCompletionSource();
        using var subscription = broker.Broker.Subscribe("t", async (_, _) => await goOn.Task, capacity: 2);
        while (broker.Broker.Statistics.Dropped(DropReason.HandlerFull) == 0)
            await broker.Broker.PublishAsync("t", default);
        Assert.Equal(DropReason.HandlerFull, (await broker.Events.WaitAsync(e => e.Kind == BrokerEventKind.Dropped)).DropReason);
        goOn.SetResult();
    }

    [Fact]
    public async Task The_program_sees_its_clients_and_can_end_one()
    {
        await using var broker = await WiredBroker.StartAsync(Carrier.TwoLoops);
        await using var client = await broker.ConnectAsync("unwanted");
        Assert.Equal("unwanted", Assert.Single(broker.Broker.Clients).ClientId);
        Assert.True(await broker.Broker.DisconnectAsync("unwanted"));
        Assert.Equal(ReasonCode.AdministrativeAction, Assert.Single(await client.ReadToEndAsync()).Reason);
        Assert.False(await broker.Broker.DisconnectAsync("nobody"));
    }

    private sealed class NobodyMay : IAuthenticator
    {
        public AuthenticationStep Authenticate(ConnectRequest request, Func<Pending<AuthenticationStep>> defer) =>
            AuthenticationStep.Refuse(ReasonCode.BadUserNameOrPassword);
    }
}
