namespace Whimbrel.Client.Hosting;

/// <summary>
/// Handles the messages of a subscription (<see cref="IMqttClientBuilder.AddHandler{THandler}"/>). It is made for each message in a scope of
/// its own and disposed of with it.
/// </summary>
public interface IMqttHandler
{
    /// <summary>
    /// Deals with one message, which is acknowledged when this returns. What it throws is logged and the message counts as refused, unless
    /// the subscription's options say that it is tried again.
    /// </summary>
    /// <param name="message">The message; it may be kept.</param>
    /// <param name="cancellationToken">Cancelled when the application stops and the client's time to drain is over.</param>
    ValueTask HandleAsync(MqttMessage message, CancellationToken cancellationToken);
}
