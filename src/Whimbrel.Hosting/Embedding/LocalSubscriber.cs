using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Whimbrel.Broker;

namespace Whimbrel.Hosting;

/// <summary>
/// A subscriber inside the process: a bounded queue between the broker's threads, which must not wait, and the embedding program's
/// handler, which may. When the queue is full the message is dropped; the broker counts and names it.
/// </summary>
internal sealed class LocalSubscriber(int capacity) : ILocalSubscriber
{
    private readonly Channel<ReceivedMessage> _queue = Channel.CreateBounded<ReceivedMessage>(new BoundedChannelOptions(capacity)
    {
        FullMode = BoundedChannelFullMode.Wait,
        SingleReader = true,
    });

    public bool TryDeliver(Message message, bool retained) => _queue.Writer.TryWrite(new ReceivedMessage(message, retained));

    /// <summary>Nothing comes any more; what waits can still be read.</summary>
    public void Complete() => _queue.Writer.TryComplete();

    public IAsyncEnumerable<ReceivedMessage> ReadAllAsync(CancellationToken cancellationToken) => _queue.Reader.ReadAllAsync(cancellationToken);

    /// <summary>Calls the handler for each message until the queue is completed and empty.</summary>
    public async Task HandleAsync(string filter, Func<ReceivedMessage, CancellationToken, ValueTask> handler, ILogger logger, CancellationToken stopping)
    {
        try
        {
            await foreach (var message in ReadAllAsync(stopping).ConfigureAwait(false))
            {
                try
                {
                    await handler(message, stopping).ConfigureAwait(false);
                }
                catch (Exception e) when (e is not OperationCanceledException || !stopping.IsCancellationRequested)
                {
                    HostingLog.HandlerFailed(logger, e, filter);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The broker has stopped.
        }
    }
}
