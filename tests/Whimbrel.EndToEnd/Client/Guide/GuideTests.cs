using Whimbrel.Client;
using Whimbrel.Client.Testing;

namespace Whimbrel.EndToEnd.Client.Guide;

/// <summary>
/// The snippets of docs/guide: what stands between <c>// snippet: name</c> and <c>// end</c> is the guide's text, where <c>address</c> reads
/// <c>"mqtt://localhost"</c>. Whimbrel.Repo.Tests compares them. Around each stands the test that runs it and asserts its effect.
/// </summary>
public abstract class GuideTests
{
    internal static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    /// <summary>What the snippets know by the name of the system's console.</summary>
    private protected Screen Console { get; } = new();

    /// <summary>Runs a program that writes to <see cref="Console"/> for ever, until it has written so many lines.</summary>
    private protected async Task<List<string>> LinesAsync(int count, Func<Task> program)
    {
        Console.CloseAfter(count);
        await Assert.ThrowsAsync<EndOfStreamException>(() => program().WaitAsync(Limit));
        var lines = new List<string>();
        while (lines.Count < count)
            lines.Add(await Console.NextAsync());
        return lines;
    }

    /// <summary>The first message that a new subscriber gets.</summary>
    private protected static async Task<MqttMessage> FirstAsync(TestBroker broker, string filter)
    {
        await using var client = new MqttClient(broker.Uri);
        await using MqttSubscription subscription = await client.OpenSubscriptionAsync(filter, new MqttSubscribeOptions { QoS = MqttQoS.ExactlyOnce }).WaitAsync(Limit);
        return await NextAsync(subscription);
    }

    private protected static async Task<MqttMessage> NextAsync(MqttSubscription subscription)
    {
        await using IAsyncEnumerator<MqttMessage> messages = subscription.GetAsyncEnumerator();
        Assert.True(await messages.MoveNextAsync().AsTask().WaitAsync(Limit));
        await messages.Current.AcknowledgeAsync();
        return messages.Current;
    }

    /// <summary>Waits until somebody has subscribed.</summary>
    private protected static void AwaitSubscriber(TestBroker broker, int subscriptions = 1) =>
        Assert.True(SpinWait.SpinUntil(() => broker.Broker.Clients.Sum(client => client.Subscriptions) >= subscriptions, Limit));
}
