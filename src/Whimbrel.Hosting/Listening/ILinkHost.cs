using System.Net;
using Whimbrel.Broker;

namespace Whimbrel.Hosting;

/// <summary>One way to carry links: our own event loops, or the connection pipes of Kestrel's transport.</summary>
internal interface ILinkHost
{
    /// <summary>Opens a listener. Nothing is accepted before <see cref="Start"/>.</summary>
    /// <param name="endPoint">Where.</param>
    /// <param name="ackContract">What acknowledgements are worth there.</param>
    /// <returns>The address with the port that was picked if it was 0.</returns>
    /// <exception cref="ListenException">The listener cannot be opened.</exception>
    ValueTask<EndPoint> BindAsync(EndPoint endPoint, AckContract ackContract);

    void Start();

    /// <summary>Called about once a second by the heartbeat.</summary>
    void OnSecond(long nowMilliseconds);

    /// <summary>Closes the listeners. Links live on.</summary>
    ValueTask StopAcceptingAsync();

    /// <summary>Ends what is left: links that still send get a bounded time. All threads have ended when it returns.</summary>
    ValueTask StopAsync();
}
