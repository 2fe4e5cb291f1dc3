using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Whimbrel.Broker;
using Whimbrel.Storage;

namespace Whimbrel.Server;

/// <summary>
/// Opens the <see cref="ControlSocket"/> behind the broker's start and closes it before the broker stops, so that nobody asks for a store
/// that is not open.
/// </summary>
internal sealed class ControlService(StoreOpening opening, ILoggerFactory loggers) : IHostedService
{
    private ControlSocket? _socket;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (opening.Store is { } store)
            _socket = ControlSocket.Open(store.Location, name => DiskStore.Checkpoint(store, name), loggers.CreateLogger("Whimbrel.Server"));
        return Task.CompletedTask;
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (_socket is { } socket)
            await socket.DisposeAsync().ConfigureAwait(false);
        _socket = null;
    }
}

/// <summary>Remembers the store that the broker opened at its start.</summary>
internal sealed class StoreOpening
{
    /// <summary>Null before the start, and for a broker that keeps everything in memory.</summary>
    public DurableStore? Store { get; private set; }

    /// <summary>Makes an opening that is remembered.</summary>
    public Func<DurableStore>? Remembered(Func<DurableStore>? open) => open is null ? null : () => Store = open();
}
