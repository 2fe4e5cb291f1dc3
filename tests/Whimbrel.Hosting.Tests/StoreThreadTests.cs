using Microsoft.Extensions.Logging.Abstractions;
using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.Hosting.Tests;

/// <summary>The broker with a thread that writes, and without sockets.</summary>
public sealed class StoreThreadTests : IDisposable
{
    private readonly MemoryStore _store = new();
    private readonly TaskCompletionSource _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Dispose() => _store.Dispose();

    [Fact]
    public async Task A_publish_from_inside_completes_when_it_is_on_disk()
    {
        await using BrokerService broker = await StartAsync();
        Assert.Equal(ReasonCode.NoMatchingSubscribers, await PublishAsync(broker, "1"));
        Assert.Equal(1, _store.RetainedCount);
    }

    [Fact]
    public async Task On_a_full_disk_what_was_accepted_waits_and_completes_by_itself_when_there_is_room_and_meanwhile_more_is_refused()
    {
        await using BrokerService broker = await StartAsync();
        _store.Failure = new StoreException(StoreFailure.Full, "no space");
        Task<ReasonCode> accepted = PublishAsync(broker, "1").AsTask();
        // Until the thread has found out, more is accepted and waits as well.
        Task<ReasonCode> next;
        do
        {
            await Task.Yield();
            next = PublishAsync(broker, "2").AsTask();
        }
        while (!next.IsCompleted);
        Assert.Equal(ReasonCode.QuotaExceeded, await next);
        Assert.False(accepted.IsCompleted);
        _store.Failure = null;
        Assert.Equal(ReasonCode.NoMatchingSubscribers, await accepted.WaitAsync(TimeSpan.FromMinutes(1)));
        Assert.Equal(1, _store.RetainedCount);
        Assert.False(_failed.Task.IsCompleted);
    }

    [Fact]
    public async Task When_the_disk_fails_for_good_nothing_is_acknowledged_and_the_broker_asks_to_be_ended()
    {
        BrokerService broker = await StartAsync();
        _store.Failure = new StoreException(StoreFailure.Broken, "input/output error");
        Task<ReasonCode> accepted = PublishAsync(broker, "1").AsTask();
        await _failed.Task.WaitAsync(TimeSpan.FromMinutes(1));
        await broker.DisposeAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => accepted);
    }

    [Fact]
    public async Task A_stop_writes_what_nobody_has_waited_for()
    {
        BrokerService broker = await StartAsync();
        Assert.Equal(ReasonCode.NoMatchingSubscribers, await broker.PublishAsync("r", "1"u8.ToArray(), QoS.AtMostOnce, retain: true));
        await broker.DisposeAsync();
        Assert.Equal(1, _store.RetainedCount);
    }

    [Fact]
    public async Task A_store_that_cannot_be_opened_keeps_the_broker_from_starting()
    {
        var broker = new BrokerService(
            new WhimbrelOptions { IsListening = false, Store = () => throw new StoreException(StoreFailure.Corrupt, "damaged") }, null, NullLoggerFactory.Instance);
        await Assert.ThrowsAsync<StoreException>(() => broker.StartAsync(CancellationToken.None));
        await broker.DisposeAsync();
    }

    private static ValueTask<ReasonCode> PublishAsync(BrokerService broker, string payload) =>
        broker.PublishAsync("r", System.Text.Encoding.UTF8.GetBytes(payload), QoS.AtLeastOnce, retain: true);

    private async Task<BrokerService> StartAsync()
    {
        var options = new WhimbrelOptions { IsListening = false, Store = () => _store, Broker = new BrokerOptions { SysIntervalSeconds = 0 } };
        var broker = new BrokerService(options, null, NullLoggerFactory.Instance, () => _failed.TrySetResult());
        await broker.StartAsync(CancellationToken.None);
        return broker;
    }
}
