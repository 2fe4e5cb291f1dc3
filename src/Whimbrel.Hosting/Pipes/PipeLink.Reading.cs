using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Whimbrel.Broker;

namespace Whimbrel.Hosting;

/// <summary>The reading strand of a link over pipes: one task, never concurrent with itself.</summary>
internal sealed partial class PipeLink
{
    // Enough for every fixed header, so that a frame whose header lies across two segments becomes known.
    private const int HeaderBytes = 16;

    // A client that is held still shows every second that it lives, and acknowledges.
    private const int TrickleBytes = 1024;

    private static readonly TimeSpan ClosingTime = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LingerTime = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LingerStoppingTime = TimeSpan.FromMilliseconds(500);

    private Connection? _connection;
    private bool _paused;
    private bool _ended;

    /// <summary>Serves the connection to its end. Throws nothing.</summary>
    public async Task RunAsync()
    {
        CloseCause cause;
        bool reset = false;
        try
        {
            using (var turn = _host.Turns.Begin())
                _connection = _host.Broker.Accept(this, turn.Turn);
            (cause, reset) = await ServeAsync().ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or ConnectionAbortedException or SocketException or OperationCanceledException)
        {
            (cause, reset) = (CloseCause.PeerReset("the peer reset the connection"), true);
        }
        catch (Exception e)
        {
            HostingLog.LinkFailed(_host.Logger, e, Peer);
            (cause, reset) = (CloseCause.PeerReset("internal error"), true);
        }

        try
        {
            await EndAsync(cause, reset).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            HostingLog.LinkFailed(_host.Logger, e, Peer);
        }
    }

    private async Task<(CloseCause Cause, bool Reset)> ServeAsync()
    {
        var input = _transport.Transport.Input;
        while (true)
        {
            var attention = (Attention)Interlocked.Exchange(ref _attention, 0);
            if ((attention & Attention.Close) != 0)
                return (CloseCause.PeerClosed, false);
            if ((attention & Attention.Stalled) != 0)
                return (CloseCause.WriteStalled, true);
            if ((attention & Attention.Stop) != 0)
                return (CloseCause.ServerShuttingDown, false);
            if ((attention & Attention.Wake) != 0)
                Woken();
            bool trickle = (attention & Attention.Trickle) != 0;
            if (_paused || _ended || (IsBehind() && !trickle))
            {
                await AttentionAsync().ConfigureAwait(false);
                continue;
            }

            if (!input.TryRead(out var result))
                result = await input.ReadAsync().ConfigureAwait(false);
            bool all = !trickle || result.Buffer.Length <= TrickleBytes;
            var rest = Deliver(all ? result.Buffer : result.Buffer.Slice(0, TrickleBytes));

            // What was not looked at, or waits for the end of a pause, is given again at once by the next read.
            input.AdvanceTo(rest.Start, _paused || !all ? rest.Start : rest.End);
            if (result.IsCompleted && all && !_paused && !_ended)
                return (CloseCause.PeerClosed, false);
        }
    }

    private void Woken()
    {
        using var turn = _host.Turns.Begin();
        _connection!.Woken(turn.Turn);
        if (_paused)
            Note(_connection.Receive([], turn.Turn, out _, out _));
    }

    private bool IsBehind()
    {
        if (_output.PendingBytes <= HoldAboveBytes)
            return false;
        _output.Enter();
        _held = _output.PendingBytes > HoldAboveBytes && !_broken;
        bool held = _held;
        _output.Exit();
        return held;
    }

    /// <summary>Waits until somebody asks for something.</summary>
    private async Task AttentionAsync()
    {
        var waiting = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Interlocked.Exchange(ref _waiting, waiting);
        if (Volatile.Read(ref _attention) == 0)
            await waiting.Task.ConfigureAwait(false);
        Interlocked.Exchange(ref _waiting, null);
    }

    /// <summary>One turn over everything that has arrived. Returns what was not consumed.</summary>
    private ReadOnlySequence<byte> Deliver(ReadOnlySequence<byte> bytes)
    {
        using var turn = _host.Turns.Begin();
        while (!bytes.IsEmpty)
        {
            var status = _connection!.Receive(bytes.FirstSpan, turn.Turn, out int consumed, out int frameLength);
            Note(status);
            bool whole = bytes.IsSingleSegment;
            int firstLeft = bytes.FirstSpan.Length - consumed;
            bytes = bytes.Slice(consumed);
            if (status != ReceiveStatus.NeedMore || whole)
                break;
            if (firstLeft > 0)
            {
                // A frame lies across segments: put it together when all of it is there, and only it.
                int needed = frameLength > 0 ? frameLength : (int)Math.Min(HeaderBytes, bytes.Length);
                if (bytes.Length < needed || !TryDeliverAcross(ref bytes, needed, turn.Turn))
                    break;
            }
        }

        return bytes;
    }

    /// <returns>True when there is a point in going on.</returns>
    private bool TryDeliverAcross(ref ReadOnlySequence<byte> bytes, int length, Turn turn)
    {
        byte[] joined = BlockPool.Shared.Rent(length);
        try
        {
            bytes.Slice(0, length).CopyTo(joined);
            var status = _connection!.Receive(joined.AsSpan(0, length), turn, out int consumed, out int frameLength);
            Note(status);
            bytes = bytes.Slice(consumed);
            if (status != ReceiveStatus.NeedMore)
                return false;
            return consumed > 0 || (frameLength > length && bytes.Length >= frameLength && TryDeliverAcross(ref bytes, frameLength, turn));
        }
        finally
        {
            BlockPool.Shared.Return(joined);
        }
    }

    private void Note(ReceiveStatus status)
    {
        _paused = status == ReceiveStatus.Paused;
        _ended = status == ReceiveStatus.Ended;
    }

    private async Task EndAsync(CloseCause cause, bool reset)
    {
        reset |= !await DrainAsync(reset).ConfigureAwait(false);
        _output.Enter();
        reset |= _broken;
        _broken = true;
        _output.Close();
        _output.Exit();
        try
        {
            using var turn = _host.Turns.Begin();
            _connection?.Closed(cause, turn.Turn);
        }
        finally
        {
            if (reset)
                _transport.Abort();
            else
                await LingerAsync().ConfigureAwait(false);
            await _transport.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Sends what is pending, for a bounded time. False if it did not leave.</summary>
    private async Task<bool> DrainAsync(bool reset)
    {
        if (reset)
            return false;

        Task? drained = null;
        _output.Enter();
        _output.Seal();
        if (_output.PendingBytes > 0)
            drained = (_drained = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        _output.Exit();
        if (drained is null)
            return true;

        Flush();
        try
        {
            await drained.WaitAsync(ClosingTime).ConfigureAwait(false);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    /// <summary>Our FIN, then the peer's: a close before the peer's could reset the connection and destroy what was sent last.</summary>
    private async Task LingerAsync()
    {
        var input = _transport.Transport.Input;
        using var bound = new CancellationTokenSource(_host.IsStopping ? LingerStoppingTime : LingerTime);
        try
        {
            _transport.Features.Get<IConnectionSocketFeature>()?.Socket.Shutdown(SocketShutdown.Send);
            while (true)
            {
                ReadResult result = await input.ReadAsync(bound.Token).ConfigureAwait(false);
                input.AdvanceTo(result.Buffer.End);
                if (result.IsCompleted)
                    return;
            }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // Gone, or it never closes its side.
        }
    }
}
