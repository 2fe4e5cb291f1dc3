using System.Net;
using System.Net.Sockets;

namespace Whimbrel.Client.Testing;

/// <summary>Takes connections in place of the broker and passes their bytes on, or does not.</summary>
internal sealed class FaultRelay : IAsyncDisposable
{
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly Lock _lock = new();
    private readonly HashSet<RelayedConnection> _open = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _accepting;
    private TaskCompletionSource<int> _target = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Func<long>? _nextDrop;
    private Fault? _dropping;
    private Fault? _silence;
    private Lateness? _lateness;
    private int _accepted;
    private int _dropped;

    public FaultRelay()
    {
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen();
        Port = ((IPEndPoint)_listener.LocalEndPoint!).Port;
        _accepting = AcceptAsync();
    }

    public int Port { get; }

    public TimeProvider Time { get; set; } = TimeProvider.System;

    public int Accepted => Volatile.Read(ref _accepted);

    public int Dropped => Volatile.Read(ref _dropped);

    public int Connections
    {
        get
        {
            lock (_lock)
                return _open.Count;
        }
    }

    /// <summary>Not null: nothing is passed on.</summary>
    public Fault? Silence => Volatile.Read(ref _silence);

    /// <summary>Not null: acknowledgements wait.</summary>
    public Lateness? Lateness => Volatile.Read(ref _lateness);

    /// <summary>Connections that come from now on wait for <see cref="PassTo"/>.</summary>
    public void Hold()
    {
        lock (_lock)
        {
            if (_target.Task.IsCompleted)
                _target = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    public void PassTo(int port) => _target.TrySetResult(port);

    public int DropAll()
    {
        RelayedConnection[] open;
        lock (_lock)
            open = [.. _open];
        foreach (RelayedConnection connection in open)
            connection.Reset();
        return open.Length;
    }

    public Fault DropAfter(Func<long> next)
    {
        lock (_lock)
        {
            var fault = new Fault(EndDropping);
            _dropping = fault;
            _nextDrop = next;
            foreach (RelayedConnection connection in _open)
                connection.BytesLeft = next();
            return fault;
        }
    }

    public Fault FallSilent()
    {
        lock (_lock)
        {
            // One silence that takes another's place goes on with its connections.
            var fault = new Fault(EndSilence);
            Volatile.Write(ref _silence, fault);
            return fault;
        }
    }

    public Fault DelayAcknowledgements(TimeSpan delay)
    {
        lock (_lock)
        {
            var fault = new Fault(EndLateness);
            Lateness? before = _lateness;
            Volatile.Write(ref _lateness, new Lateness(delay, fault));
            before?.Fault.Dispose();
            return fault;
        }
    }

    public void CountDrop() => Interlocked.Increment(ref _dropped);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        _listener.Dispose();
        await _accepting.ConfigureAwait(false);
        DropAll();
        _target.TrySetCanceled();
        _lateness?.Fault.Dispose();
        _silence?.Dispose();
        _stop.Dispose();
    }

    private void EndDropping(Fault fault)
    {
        lock (_lock)
        {
            if (_dropping != fault)
                return;
            _dropping = null;
            _nextDrop = null;
            foreach (RelayedConnection connection in _open)
                connection.BytesLeft = long.MaxValue;
        }
    }

    private void EndSilence(Fault fault)
    {
        RelayedConnection[] fallenSilent;
        lock (_lock)
        {
            if (_silence != fault)
                return;
            Volatile.Write(ref _silence, null);
            fallenSilent = [.. _open];
        }

        foreach (RelayedConnection connection in fallenSilent)
            connection.Reset();
    }

    private void EndLateness(Fault fault)
    {
        lock (_lock)
        {
            if (_lateness?.Fault == fault)
                Volatile.Write(ref _lateness, null);
        }
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                Socket client = await _listener.AcceptAsync(_stop.Token).ConfigureAwait(false);
                Interlocked.Increment(ref _accepted);
                _ = ServeAsync(client);
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The end.
        }
    }

    private async Task ServeAsync(Socket client)
    {
        var server = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        client.NoDelay = true;
        var connection = new RelayedConnection(this, client, server);
        Task<int> target;
        lock (_lock)
        {
            connection.BytesLeft = _nextDrop?.Invoke() ?? long.MaxValue;
            _open.Add(connection);
            target = _target.Task;
        }

        try
        {
            if (_stop.IsCancellationRequested)
                return;
            await server.ConnectAsync(IPAddress.Loopback, await target.ConfigureAwait(false)).ConfigureAwait(false);
            await connection.RunAsync().ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // Both sides see it by the end of their connection.
        }
        finally
        {
            connection.Close();
            lock (_lock)
                _open.Remove(connection);
        }
    }
}
