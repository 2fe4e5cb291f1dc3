using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.EndToEnd;

public class StoppingTests
{
    public static TheoryData<Carrier> Carriers => WiredBroker.Carriers;

    [Theory]
    [MemberData(nameof(Carriers))]
    public async Task A_stop_tells_5_0_clients_why_and_closes_the_others(Carrier carrier)
    {
        await using var broker = await WiredBroker.StartAsync(carrier);
        await using var client5 = await broker.ConnectAsync("five");
        await using var client3 = await broker.ConnectAsync("three", ProtocolVersion.Mqtt311);
        await using var mute = await broker.OpenAsync();
        await broker.StopAsync();
        Assert.Equal(ReasonCode.ServerShuttingDown, Assert.Single(await client5.ReadToEndAsync()).Reason);
        Assert.Empty(await client3.ReadToEndAsync());
        await mute.ReadUntilGoneAsync();
        Assert.All(["five", "three"], id => Assert.Equal(CloseReason.ServerShuttingDown, broker.Events.ClosedAsync(id).Result.CloseReason));
    }

    [Theory]
    [MemberData(nameof(Carriers))]
    public async Task A_stop_ends_although_a_client_reads_nothing(Carrier carrier)
    {
        await using var broker = await WiredBroker.StartAsync(carrier);
        await using var stalled = await broker.ConnectAsync("stalled");
        await stalled.SubscribeAsync("flood");
        await using var publisher = await broker.ConnectAsync("publisher");
        byte[] message = WireClient.PublishBytes("flood", new byte[1_000_000], publisher.Version);
        while (broker.Broker.Statistics.Dropped(DropReason.SlowReader) == 0)
        {
            await publisher.SendAsync(message);
            await publisher.PingAsync();
        }

        await broker.StopAsync();
        Assert.Equal(CloseReason.ServerShuttingDown, (await broker.Events.ClosedAsync("stalled")).CloseReason);
    }

    [Theory]
    [MemberData(nameof(Carriers))]
    public async Task A_broker_that_never_started_or_stopped_already_can_be_stopped(Carrier carrier)
    {
        var broker = await WiredBroker.StartAsync(carrier);
        await broker.StopAsync();
        await broker.StopAsync();
        await broker.DisposeAsync();
        await broker.DisposeAsync();
    }
}
