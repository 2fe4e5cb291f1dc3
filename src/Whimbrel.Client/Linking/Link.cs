using System.Buffers;
using System.Runtime.CompilerServices;
using Whimbrel.Client.Engine;
using Whimbrel.Client.Transports;

// The loops below are what a compiler would make of await, written out, so that the thread is free for other work between registration and
// return: each result is consumed exactly once.
#pragma warning disable CA2012

namespace Whimbrel.Client.Linking;

/// <summary>
/// One network connection's life: a loop that reads into the engine and one that writes what the engine has to say. What many publishers
/// have written meanwhile leaves in one send. Programs' code runs neither here nor under the gate, but for raw subscribers.
/// </summary>
internal sealed class Link : IThreadPoolWorkItem
{
    private const int ReadBytes = 64 * 1024;

    private readonly MqttClient _client;
    private readonly ClientEngine _engine;
    private readonly Lock _gate;
    private readonly ITransport _transport;
    private readonly TaskCompletionSource<Exception?> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Action _onReceived;
    private readonly Action _onSent;
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(ReadBytes);
    private int _start;
    private int _end;
    private ValueTaskAwaiter<int> _receiving;
    private ValueTaskAwaiter _sending;
    private bool _isWriting;
    private bool _isClosing;
    private bool _isDead;
    private bool _isResting;

    public Link(MqttClient client, ClientEngine engine, Lock gate, ITransport transport)
    {
        (_client, _engine, _gate, _transport) = (client, engine, gate, transport);
        _onReceived = OnReceived;
        _onSent = OnSent;
    }

    /// <summary>Completes when the connection is over, with what ended it; null: the server closed it.</summary>
    public Task<Exception?> Ended => _ended.Task;

    public string Describe() => $"writing {_isWriting}, closing {_isClosing}, dead {_isDead}, unread {_end - _start}";

    /// <summary>Under the gate: whether it has left off reading, because a subscriber's queue is full.</summary>
    public bool IsResting => _isResting;

    public void Start() => ReceiveNext();

    /// <summary>Under the gate: reads on, on another thread, if it had left off.</summary>
    public void Resume()
    {
        if (!_isResting)
            return;
        _isResting = false;
        if (!_isDead)
            ThreadPool.UnsafeQueueUserWorkItem(static link => link.ReceiveNext(), this, preferLocal: false);
    }

    /// <summary>Under the gate: something was written. True: the caller is to call <see cref="Execute"/>, now or on another thread.</summary>
    public bool TryBeginWriting()
    {
        if (_isWriting || _isDead || _engine.Output.Waiting == 0)
            return false;
        _isWriting = true;
        return true;
    }

    /// <summary>Under the gate: sees to it that what was written leaves, on another thread.</summary>
    public void Flush()
    {
        if (TryBeginWriting())
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    /// <summary>Sends what waits, and closes behind it.</summary>
    public Task CloseAsync()
    {
        lock (_gate)
        {
            _isClosing = true;
            if (!_isWriting && !_isDead)
            {
                _isWriting = true;
                ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
            }
        }

        return _drained.Task;
    }

    /// <summary>Ends it now.</summary>
    public void Abort(Exception? cause)
    {
        lock (_gate)
        {
            if (_isDead)
                return;
            _isDead = true;
        }

        _transport.Abort();
        _drained.TrySetResult();
        _ended.TrySetResult(cause);
    }

    /// <summary>The writing loop's turn.</summary>
    public void Execute() => Write(int.MaxValue);

    /// <summary>Writes on this thread once; if more has come meanwhile, another thread goes on with it.</summary>
    public void WriteOnce() => Write(1);

    private void Write(int turns)
    {
        try
        {
            while (true)
            {
                ReadOnlyMemory<byte> bytes;
                lock (_gate)
                {
                    if (_isDead || (_engine.Output.Waiting == 0 && !_isClosing))
                    {
                        _isWriting = false;
                        return;
                    }

                    if (_engine.Output.Waiting == 0)
                    {
                        break;
                    }

                    if (turns-- == 0)
                    {
                        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
                        return;
                    }

                    bytes = _engine.Output.Take();
                    _engine.Sent(_client.Now());
                    _client.RoomToSend();
                }

                _sending = _transport.SendAsync(bytes).GetAwaiter();
                if (!_sending.IsCompleted)
                {
                    _sending.UnsafeOnCompleted(_onSent);
                    return;
                }

                _sending.GetResult();
            }
        }
        catch (Exception exception) when (IsOfNetwork(exception))
        {
            Abort(exception);
            return;
        }

        _ = FinishAsync();
    }

    private void OnSent()
    {
        try
        {
            _sending.GetResult();
        }
        catch (Exception exception) when (IsOfNetwork(exception))
        {
            Abort(exception);
            return;
        }

        Write(int.MaxValue);
    }

    private async Task FinishAsync()
    {
        try
        {
            await _transport.CloseAsync().ConfigureAwait(false);
        }
        catch (Exception exception) when (IsOfNetwork(exception))
        {
            Abort(exception);
            return;
        }

        _drained.TrySetResult();
    }

    private void OnReceived()
    {
        try
        {
            if (!Take(_receiving.GetResult()))
                return;
        }
        catch (Exception exception) when (IsOfNetwork(exception))
        {
            End(exception);
            return;
        }

        ReceiveNext();
    }

    private void ReceiveNext()
    {
        try
        {
            while (true)
            {
                _receiving = _transport.ReceiveAsync(_buffer.AsMemory(_end)).GetAwaiter();
                if (_receiving.IsCompleted)
                {
                    if (!Take(_receiving.GetResult()))
                        return;

                    // More has come already, and there may be no end to it: what is due goes to other threads.
                    lock (_gate)
                        _client.GiveAway(isBusy: true);
                    continue;
                }

                // From the registration on another thread may go on reading. This one is free then: it does one of the things that the last
                // bytes have made due itself, which saves the way to another thread when somebody awaits an answer.
                IThreadPoolWorkItem? due;
                lock (_gate)
                    due = _client.TakeDue();
                _receiving.UnsafeOnCompleted(_onReceived);
                due?.Execute();
                return;
            }
        }
        catch (Exception exception) when (IsOfNetwork(exception))
        {
            End(exception);
        }
    }

    /// <summary>Whether to leave off reading for now.</summary>
    private bool Rests()
    {
        lock (_gate)
            return _isResting = _client.IsHeld;
    }

    /// <summary>Gives what has come to the engine. False: the link is over, or rests.</summary>
    private bool Take(int count)
    {
        if (count == 0)
        {
            End(null);
            return false;
        }

        _end += count;
        long now = _client.Now();
        int wanted;
        while (true)
        {
            ReceiveOutcome outcome;
            bool isWriter;
            int from = _start;
            lock (_gate)
            {
                if (_isDead)
                    return false;
                outcome = _engine.Receive(_buffer.AsSpan(_start, _end - _start), now, out int consumed, out wanted);
                _start += consumed;
                _client.GiveAway(outcome == ReceiveOutcome.More);
                isWriter = TryBeginWriting();
            }

            if (isWriter)
                WriteOnce();
            if (outcome == ReceiveOutcome.Close)
            {
                _client.Closing(this);
                return false;
            }

            if (outcome == ReceiveOutcome.Raw)
                _engine.DeliverRaw(_buffer.AsSpan(from, _end - from));
            else if (outcome == ReceiveOutcome.NeedMore)
                break;
        }

        MakeRoom(wanted);
        return !_client.IsHeld || !Rests();
    }

    private void MakeRoom(int wanted)
    {
        int left = _end - _start;
        int needed = Math.Max(wanted, ReadBytes);
        if (left == 0 && _buffer.Length <= 2 * ReadBytes)
        {
            _start = _end = 0;
            return;
        }

        if (_buffer.Length < needed || (_buffer.Length > 4 * needed && left < ReadBytes))
        {
            byte[] other = ArrayPool<byte>.Shared.Rent(needed);
            _buffer.AsSpan(_start, left).CopyTo(other);
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = other;
        }
        else if (_start > 0)
        {
            _buffer.AsSpan(_start, left).CopyTo(_buffer);
        }

        (_start, _end) = (0, left);
    }

    private void End(Exception? cause) => Abort(cause);

    private static bool IsOfNetwork(Exception exception) =>
        exception is System.Net.Sockets.SocketException or IOException or ObjectDisposedException or OperationCanceledException
            or System.Net.WebSockets.WebSocketException or System.Security.Authentication.AuthenticationException;
}
