using System.Globalization;
using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Whimbrel.Hosting;
using Whimbrel.Protocol;

namespace Whimbrel.Client.Testing;

/// <summary>
/// A whole MQTT broker in the test's own process, on a port of this machine that the system picks, for any client. Between it and its
/// clients stands a relay that does what networks and servers do: it drops, falls silent, delays. A fault lasts until what started it is
/// disposed of; a fault of the same kind takes its place.
/// </summary>
public sealed class TestBroker : IAsyncDisposable
{
    private readonly Action<WhimbrelOptions>? _configure;
    private readonly ILoggerFactory? _loggers;
    private readonly Gatekeeper _gatekeeper = new();
    private readonly FaultRelay _relay = new();
    private ServiceProvider? _services;

    private TestBroker(Action<WhimbrelOptions>? configure, ILoggerFactory? loggers) => (_configure, _loggers) = (configure, loggers);

    /// <summary>Where clients connect, by way of the relay: <c>mqtt://127.0.0.1:PORT</c>.</summary>
    public string Uri => string.Create(CultureInfo.InvariantCulture, $"mqtt://{IPAddress.Loopback}:{_relay.Port}");

    /// <summary>The port of <see cref="Uri"/>.</summary>
    public int Port => _relay.Port;

    /// <summary>The broker itself, to publish and subscribe from inside and to see its clients. Another one after <see cref="ForgetSessionsAsync"/>.</summary>
    public IWhimbrelBroker Broker => (_services ?? throw new ObjectDisposedException(nameof(TestBroker))).GetRequiredService<IWhimbrelBroker>();

    /// <summary>Connections that stand now.</summary>
    public int Connections => _relay.Connections;

    /// <summary>Connections that clients have opened since the start.</summary>
    public int Accepted => _relay.Accepted;

    /// <summary>Connections that a fault has ended since the start.</summary>
    public int Dropped => _relay.Dropped;

    /// <summary>Starts a broker that keeps everything in memory.</summary>
    /// <param name="configure">Its options; where it listens is not among them. Called again by <see cref="ForgetSessionsAsync"/>.</param>
    /// <param name="loggers">Where it logs; nowhere if null.</param>
    /// <param name="cancellationToken">Cancels the start.</param>
    public static async Task<TestBroker> StartAsync(
        Action<WhimbrelOptions>? configure = null, ILoggerFactory? loggers = null, CancellationToken cancellationToken = default)
    {
        var broker = new TestBroker(configure, loggers);
        try
        {
            await broker.OpenAsync(cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            await broker.DisposeAsync().ConfigureAwait(false);
            throw;
        }

        return broker;
    }

    /// <summary>Drops every connection that stands, at once and by a reset.</summary>
    /// <returns>How many there were.</returns>
    public int DropConnections() => _relay.DropAll();

    /// <summary>
    /// Drops every connection, those that stand and those that come, after so many more bytes, both directions counted together.
    /// That may be in the middle of a packet. Nothing behind it is delivered.
    /// </summary>
    public IDisposable DropAfter(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        return _relay.DropAfter(() => bytes);
    }

    /// <summary>The same with a number of bytes that is drawn for each connection.</summary>
    /// <param name="minBytes">No connection is dropped earlier.</param>
    /// <param name="maxBytes">None lasts as long as this.</param>
    /// <param name="seed">The same seed draws the same numbers.</param>
    public IDisposable DropAtRandom(int minBytes, int maxBytes, int seed)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(minBytes);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(maxBytes, minBytes);
#pragma warning disable CA5394 // It is to be repeatable, not secret.
        var random = new Random(seed);
        return _relay.DropAfter(() => random.Next(minBytes, maxBytes));
#pragma warning restore CA5394
    }

    /// <summary>
    /// Connections stay open and carry nothing any more, in neither direction; new ones are accepted and as silent. Neither side learns that
    /// the other has closed. When it ends, all of them are dropped, because bytes are missing in them.
    /// </summary>
    public IDisposable HalfOpen() => _relay.FallSilent();

    /// <summary>
    /// PUBACK, PUBREC and PUBCOMP of the broker come late, everything else in time. When it ends, those that are due later are sent.
    /// </summary>
    /// <param name="delay">By the clock that the broker's options name. <see cref="Timeout.InfiniteTimeSpan"/>: not before it ends.</param>
    public IDisposable DelayAcknowledgements(TimeSpan delay)
    {
        if (delay != Timeout.InfiniteTimeSpan)
            ArgumentOutOfRangeException.ThrowIfLessThan(delay, TimeSpan.Zero);
        return _relay.DelayAcknowledgements(delay);
    }

    /// <summary>Who connects is refused with this code. Connections that stand are not touched; <see cref="DropConnections"/> does that.</summary>
    /// <param name="reason">A code of CONNACK, such as 0x88 (server unavailable) or 0x87 (not authorized). Clients of 3.1.1 get its counterpart.</param>
    public IDisposable DenyConnections(ReasonCode reason)
    {
        if (!ReasonCodes.IsError(reason) || !ReasonCodes.IsAllowed(PacketType.ConnAck, reason))
            throw new ArgumentException($"{reason} is not a code that refuses a connection.", nameof(reason));
        return _gatekeeper.Deny(reason);
    }

    /// <summary>
    /// Everything is forgotten, as by a server that has lost its disk: connections, sessions with their subscriptions and queues, retained
    /// messages. The address stays; clients that come while it happens wait.
    /// </summary>
    public async Task ForgetSessionsAsync(CancellationToken cancellationToken = default)
    {
        _relay.Hold();
        _relay.DropAll();
        await CloseAsync().ConfigureAwait(false);
        await OpenAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Ends the broker and every connection to it.</summary>
    public async ValueTask DisposeAsync()
    {
        await _relay.DisposeAsync().ConfigureAwait(false);
        await CloseAsync().ConfigureAwait(false);
    }

    private async Task OpenAsync(CancellationToken cancellationToken)
    {
        var services = new ServiceCollection();
        services.AddLogging();
        if (_loggers is not null)
            services.Replace(ServiceDescriptor.Singleton(_loggers));
        services.AddWhimbrel(options =>
        {
            _configure?.Invoke(options);
            options.Listen.Clear();
            options.Listen.Add($"mqtt://{IPAddress.Loopback}:0");
            options.IsListening = true;
            _gatekeeper.Guard(options);
        });
        _services = services.BuildServiceProvider();
        _relay.Time = _services.GetRequiredService<IOptions<WhimbrelOptions>>().Value.TimeProvider;
        foreach (IHostedService service in _services.GetServices<IHostedService>())
            await service.StartAsync(cancellationToken).ConfigureAwait(false);
        _relay.PassTo(new System.Uri(Broker.Endpoints[0]).Port);
    }

    private async Task CloseAsync()
    {
        if (Interlocked.Exchange(ref _services, null) is { } services)
            await services.DisposeAsync().ConfigureAwait(false);
    }
}
