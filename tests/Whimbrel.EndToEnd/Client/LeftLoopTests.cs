using Whimbrel.Client;
using Whimbrel.Client.Testing;

namespace Whimbrel.EndToEnd.Client;

/// <summary>What becomes of the message in whose turn of the loop somebody has left it.</summary>
public class LeftLoopTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(15);

    [Theory]
    [InlineData(MqttQoS.AtLeastOnce, true)]
    [InlineData(MqttQoS.ExactlyOnce, true)]
    [InlineData(MqttQoS.AtLeastOnce, false)]
    [InlineData(MqttQoS.ExactlyOnce, false)]
    public async Task Loops_that_were_left_do_not_keep_others_from_their_messages(MqttQoS qos, bool endsWithItsLoop)
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await using var client = new MqttClient(new MqttClientOptions { Endpoints = { broker.Uri }, Limits = { ReceiveMaximum = 8 } });
        var options = new MqttSubscribeOptions { QoS = qos };
        if (endsWithItsLoop)
        {
            await client.PublishAsync("first", "x", qos, retain: true);
            Assert.Equal("x", await FirstAsync(client.SubscribeAsync("first", options)));
        }

        await using MqttSubscription others = await client.OpenSubscriptionAsync("others", options);
        for (int i = 0; i < 40; i++)
            await client.PublishAsync("others", $"{i}", qos).AsTask().WaitAsync(Limit);
        for (int i = 0; i < 40; i++)
            Assert.Equal($"{i}", await FirstAsync(others).WaitAsync(Limit));
    }

    private static async Task<string> FirstAsync(IAsyncEnumerable<MqttMessage> messages)
    {
        await foreach (MqttMessage message in messages)
            return message.GetString();
        throw new EndOfStreamException();
    }
}
