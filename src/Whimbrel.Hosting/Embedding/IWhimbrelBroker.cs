using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.Hosting;

/// <summary>The broker as the program that embeds it sees it. Thread-safe.</summary>
public interface IWhimbrelBroker
{
    /// <summary>What the broker listens on, with the ports that were picked. Empty before the start.</summary>
    IReadOnlyList<string> Endpoints { get; }

    /// <summary>What has been counted since the start.</summary>
    BrokerStatistics Statistics { get; }

    /// <summary>Sessions, connected or not, each as it is when it is looked at.</summary>
    IEnumerable<ClientDescription> Clients { get; }

    /// <summary>Publishes a message to every subscriber. With a store, it completes once the message is on disk for whoever needs it there.</summary>
    /// <param name="topic">A topic name without wildcards.</param>
    /// <param name="payload">Copied.</param>
    /// <param name="qos">The QoS at which it is published.</param>
    /// <param name="retain">Whether it is kept for later subscribers; an empty payload clears what was kept.</param>
    /// <param name="cancellationToken">Cancels before anything has been done, not after.</param>
    /// <returns>Success, NoMatchingSubscribers, or QuotaExceeded if it could not be retained.</returns>
    /// <exception cref="ArgumentException">The topic is not a topic name.</exception>
    ValueTask<ReasonCode> PublishAsync(string topic, ReadOnlyMemory<byte> payload, QoS qos = QoS.AtMostOnce, bool retain = false, CancellationToken cancellationToken = default);

    /// <summary>Publishes a message that may have MQTT 5.0 properties. It is not copied.</summary>
    ValueTask<ReasonCode> PublishAsync(Message message, CancellationToken cancellationToken);

    /// <summary>Calls a handler for every message that matches, one at a time and in order; retained ones come first.</summary>
    /// <param name="filter">A topic filter; not a shared one.</param>
    /// <param name="handler">What it throws is logged.</param>
    /// <param name="capacity">How many messages may wait for the handler. What comes beyond is dropped, counted and logged as HandlerFull.</param>
    /// <returns>Dispose it to unsubscribe; messages that wait are still handled.</returns>
    /// <exception cref="ArgumentException">The filter is not valid, or shared.</exception>
    IDisposable Subscribe(string filter, Func<ReceivedMessage, CancellationToken, ValueTask> handler, int capacity = 1024);

    /// <summary>The same as a stream. Subscribed when the enumeration begins, unsubscribed when it ends.</summary>
    IAsyncEnumerable<ReceivedMessage> SubscribeAsync(string filter, int capacity = 1024, CancellationToken cancellationToken = default);

    /// <summary>Ends a client's connection with 0x98 (administrative action). Its session stays.</summary>
    /// <returns>False when no such client is connected.</returns>
    ValueTask<bool> DisconnectAsync(string clientId, CancellationToken cancellationToken = default);
}
