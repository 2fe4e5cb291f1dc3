using System.Net.Sockets;
using Whimbrel.Protocol;

namespace Whimbrel.Cli.Wire;

/// <summary>What a sink says to a message.</summary>
internal enum SinkAnswer
{
    /// <summary>Taken; give me the next.</summary>
    More,

    /// <summary>Taken, and that was the last.</summary>
    Last,

    /// <summary>Not taken, and nothing that follows will be.</summary>
    Stop,
}

/// <summary>Takes messages as they come. Called by the connection's reading loop only.</summary>
internal interface IMessageSink
{
    /// <summary>Takes one message or not; what was taken is acknowledged after <see cref="TryFlush"/>.</summary>
    SinkAnswer Take(ReadOnlySpan<byte> topic, in PublishPacket packet);

    /// <summary>The batch is over. False: what was taken is lost, nothing of it may be acknowledged and nothing more will be taken.</summary>
    bool TryFlush();
}

/// <summary>
/// One MQTT connection of a command, from CONNECT to DISCONNECT, without reconnecting. Sending is safe from any thread; messages
/// come on the reading loop.
/// </summary>
internal sealed partial class WireConnection : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly Socket _socket;
    private readonly WireTarget _target;
    private readonly WireConnect _connect;
    private readonly IMessageSink? _sink;
    private readonly Action<string>? _trace;
    private readonly WireSending _sending;
    private readonly CancellationTokenSource _ending = new();
    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TimeSpan _keepAlive;
    private Task _loops = Task.CompletedTask;
    private Task _reading = Task.CompletedTask;
    private Task _writing = Task.CompletedTask;

    private WireConnection(
        Socket socket, WireTarget target, WireConnect connect, WireConnected connected, IMessageSink? sink, Action<string>? trace)
    {
        _socket = socket;
        _target = target;
        _connect = connect;
        _sink = sink;
        _trace = trace;
        _sending = new WireSending(socket, connected.Version);
        _keepAlive = TimeSpan.FromSeconds(connected.KeepAliveSeconds);
        _quota = new SemaphoreSlim(Math.Min(connected.ReceiveMaximum, connected.Version == ProtocolVersion.Mqtt50 ? InFlightMax : InFlightMax3));
        Connected = connected;
    }

    /// <summary>What the server granted.</summary>
    public WireConnected Connected { get; }

    /// <summary>Ends with the connection: faulted with <see cref="CommandFailure"/> unless this side ended it.</summary>
    public Task Closed => _closed.Task;

    private ProtocolVersion Version => Connected.Version;

    /// <exception cref="CommandFailure">The server cannot be reached or refused.</exception>
    public static async Task<WireConnection> OpenAsync(
        WireTarget target, WireConnect connect, IMessageSink? sink, Action<string>? trace, CancellationToken cancel)
    {
        try
        {
            return await OpenOnceAsync(target, connect, sink, trace, cancel).ConfigureAwait(false);
        }
        catch (VersionRefused first) when (connect is { MayFallBack: true, Version: ProtocolVersion.Mqtt50 })
        {
            trace?.Invoke($"{target} does not take MQTT 5.0; trying 3.1.1");
            try
            {
                var older = connect with { Version = ProtocolVersion.Mqtt311, MayFallBack = false, ClientId = ClientIds.ForOlder(connect) };
                return await OpenOnceAsync(target, older, sink, trace, cancel).ConfigureAwait(false);
            }
            catch (VersionRefused) when (!first.IsCertain)
            {
                throw first;
            }
        }
    }

    /// <summary>
    /// Says goodbye, sees to it that everything is sent, and closes. <see cref="Closed"/> is faulted afterwards if that failed.
    /// </summary>
    public async Task DisconnectAsync(ReasonCode reason = ReasonCode.Success)
    {
        if (!Closed.IsCompleted)
        {
            _isDiscarding = true;
            _trace?.Invoke($"sending DISCONNECT{(reason == ReasonCode.Success ? "" : $", {ReasonText.Describe(reason)}")}");
            SendDisconnect(reason);
            _sending.Finish();

            // The server closes when it has seen DISCONNECT. Until then keep reading: closing over unread bytes resets the
            // connection, and what was sent last may be lost with it.
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(5));
            try
            {
                await _writing.WaitAsync(limit.Token).ConfigureAwait(false);
                if (!Closed.IsCompleted)
                    _socket.Shutdown(SocketShutdown.Send);
                limit.CancelAfter(TimeSpan.FromSeconds(1));
                await _reading.WaitAsync(limit.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (!_writing.IsCompleted)
            {
                Fail(new CommandFailure(ExitCode.Failed, $"{_target} does not take what is sent to it; some of it is lost"));
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException)
            {
                _trace?.Invoke("the server did not close the connection in time");
            }

            _closed.TrySetResult();
        }

        await DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Closes without a word.</summary>
    public async ValueTask DisposeAsync()
    {
        _closed.TrySetResult();
        await _ending.CancelAsync().ConfigureAwait(false);
        _socket.Dispose();
        await _loops.ConfigureAwait(false);
        FailPending(new CommandFailure(ExitCode.Failed, $"the connection to {_target} was closed"));
        _enough.TrySetResult();
    }

    private static async Task<WireConnection> OpenOnceAsync(
        WireTarget target, WireConnect connect, IMessageSink? sink, Action<string>? trace, CancellationToken cancel)
    {
        trace?.Invoke($"connecting to {target} with MQTT {ReasonText.Name(connect.Version)}");
        var socket = await target.ConnectAsync(Patience, cancel).ConfigureAwait(false);
        try
        {
            var (connected, behind) = await WireHandshake.RunAsync(socket, target, connect, Patience, cancel).ConfigureAwait(false);
            trace?.Invoke($"connected as '{connected.ClientId}', session {(connected.SessionPresent ? "resumed" : "new")}");
            var connection = new WireConnection(socket, target, connect, connected, sink, trace);
            connection.Start(behind);
            return connection;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private void Start(byte[] behind)
    {
        _reading = GuardAsync(() => ReadAsync(behind));
        _writing = GuardAsync(() => _sending.RunAsync(_ending.Token));
        _loops = Task.WhenAll(_reading, _writing, GuardAsync(KeepAliveAsync));
    }

    /// <summary>Runs a loop whose failure is the connection's end.</summary>
    private async Task GuardAsync(Func<Task> loop)
    {
        try
        {
            await Task.Yield();
            await loop().ConfigureAwait(false);
        }
        catch (CommandFailure failure)
        {
            Fail(failure);
        }
        catch (SocketException e)
        {
            Fail(new CommandFailure(ExitCode.Failed, $"the connection to {_target} broke: {e.Message}"));
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            // This side is closing.
        }
        catch (Exception e)
        {
            Fail(e);
        }
    }

    private async Task KeepAliveAsync()
    {
        if (_keepAlive == TimeSpan.Zero)
            return;

        using var timer = new PeriodicTimer(_keepAlive / 2);
        long seen = -1;
        int ticksUnanswered = 0;
        while (await timer.WaitForNextTickAsync(_ending.Token).ConfigureAwait(false))
        {
            if (Volatile.Read(ref _isPingOut))
            {
                if (++ticksUnanswered >= 2)
                {
                    throw new CommandFailure(
                        ExitCode.Failed, $"{_target} does not answer any more: no PINGRESP within {_keepAlive.TotalSeconds:0} seconds");
                }

                continue;
            }

            ticksUnanswered = 0;
            if (_sending.Packets == seen)
            {
                Volatile.Write(ref _isPingOut, true);
                _trace?.Invoke("sending PINGREQ");
                _sending.AppendRaw(PingPacket.Request);
            }

            seen = _sending.Packets;
        }
    }

    private void Fail(Exception failure)
    {
        if (_closed.TrySetException(failure))
        {
            // Looked at or not, it does not end the process.
            _ = _closed.Task.Exception;
            FailPending(failure);
            _ending.Cancel();
        }
    }
}

/// <summary>Client identifiers where the user gave none.</summary>
internal static class ClientIds
{
    /// <summary>
    /// 5.0 and 3.1.1 let the server choose; 3.1 does not, and servers of 3.1.1 differ. At most 23 characters, as 3.1 has it.
    /// </summary>
    public static string ForOlder(WireConnect connect) =>
        connect.ClientId.Length > 0 ? connect.ClientId : $"whimbrel-{Random.Shared.NextInt64(1L << 40):x10}";
}
