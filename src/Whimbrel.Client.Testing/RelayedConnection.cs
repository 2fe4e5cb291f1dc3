using System.Net.Sockets;
using System.Threading.Channels;
using Whimbrel.Protocol;

namespace Whimbrel.Client.Testing;

/// <summary>One client's connection and the one to the broker that belongs to it.</summary>
#pragma warning disable CA1001 // The semaphore has no handle unless somebody asks for one.
internal sealed class RelayedConnection(FaultRelay relay, Socket client, Socket server)
#pragma warning restore CA1001
{
    private const int BufferBytes = 64 * 1024;

    private readonly Channel<(byte[] Packet, Task Due)> _late = Channel.CreateUnbounded<(byte[], Task)>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
    private readonly TaskCompletionSource _over = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly SemaphoreSlim _toClient = new(1);
    private long _bytesLeft = long.MaxValue;
    private int _lateCount;
    private int _isDropped;

    /// <summary>Bytes until the connection is dropped.</summary>
    public long BytesLeft
    {
        set => Interlocked.Exchange(ref _bytesLeft, value);
    }

    /// <summary>Until both sides have closed or one is lost.</summary>
    public async Task RunAsync()
    {
        Task acknowledging = AcknowledgeAsync();
        await Task.WhenAll(UpAsync(), DownAsync()).ConfigureAwait(false);
        Close();
        _late.Writer.TryComplete();
        await acknowledging.ConfigureAwait(false);
    }

    /// <summary>Drops both sides by a reset: what is on its way is lost.</summary>
    public void Reset()
    {
        if (Interlocked.Exchange(ref _isDropped, 1) != 0)
            return;
        relay.CountDrop();
        foreach (Socket socket in new[] { client, server })
        {
            try
            {
                socket.LingerState = new LingerOption(true, 0);
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                // Closed already.
            }
        }

        Close();
    }

    public void Close()
    {
        client.Dispose();
        server.Dispose();
        _over.TrySetResult();
    }

    private async Task UpAsync()
    {
        byte[] buffer = new byte[BufferBytes];
        try
        {
            while (await ReadAsync(client, buffer, 0).ConfigureAwait(false) is int count and > 0)
                await SendAsync(server, buffer.AsMemory(0, count)).ConfigureAwait(false);
            server.Shutdown(SocketShutdown.Send);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            Close();
        }
    }

    /// <summary>Cuts what the broker says into packets, because acknowledgements may have to wait.</summary>
    private async Task DownAsync()
    {
        byte[] buffer = new byte[BufferBytes];
        int end = 0;
        try
        {
            while (await ReadAsync(server, buffer, end).ConfigureAwait(false) is int count and > 0)
            {
                end += count;
                int from = 0;
                while (NextLate(buffer.AsSpan(from, end - from), out int passing, out int late))
                {
                    await SendToClientAsync(buffer.AsMemory(from, passing)).ConfigureAwait(false);
                    from += passing;
                    if (late == 0)
                        break;
                    Delay(buffer.AsSpan(from, late).ToArray());
                    from += late;
                }

                buffer.AsSpan(from, end - from).CopyTo(buffer);
                end -= from;
                if (end == buffer.Length)
                    Array.Resize(ref buffer, buffer.Length * 2);
            }

            client.Shutdown(SocketShutdown.Send);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            Close();
        }
    }

    /// <summary>How many bytes may pass, and how many of one acknowledgement that is late follow them.</summary>
    private bool NextLate(ReadOnlySpan<byte> bytes, out int passing, out int late)
    {
        passing = late = 0;
        bool isLate = relay.Lateness is not null || Volatile.Read(ref _lateCount) > 0;
        while (FrameReader.TryRead(bytes[passing..], int.MaxValue, out Frame frame, out int length, out _) == FrameStatus.Complete)
        {
            if (isLate && frame.Type is (PacketType.PubAck or PacketType.PubRec or PacketType.PubComp))
            {
                late = length;
                break;
            }

            passing += length;
        }

        return passing + late > 0;
    }

    private void Delay(byte[] packet)
    {
        // Without a delay of its own it waits for those before it: acknowledgements stay in order.
        Task due = relay.Lateness?.DueAsync(relay.Time) ?? Task.CompletedTask;
        Interlocked.Increment(ref _lateCount);
        _late.Writer.TryWrite((packet, due));
    }

    private async Task AcknowledgeAsync()
    {
        await foreach ((byte[] packet, Task due) in _late.Reader.ReadAllAsync().ConfigureAwait(false))
        {
            await Task.WhenAny(due, _over.Task).ConfigureAwait(false);
            try
            {
                if (relay.Silence is null)
                    await SendToClientAsync(packet).ConfigureAwait(false);
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                // The acknowledgement is lost with its connection.
            }

            Interlocked.Decrement(ref _lateCount);
        }
    }

    /// <summary>Reads what is to be passed on; 0 at the end. In a silence everything is swallowed, the end too.</summary>
    private async ValueTask<int> ReadAsync(Socket from, byte[] buffer, int at)
    {
        while (true)
        {
            int count;
            try
            {
                count = await from.ReceiveAsync(buffer.AsMemory(at)).ConfigureAwait(false);
            }
            catch (SocketException) when (relay.Silence is not null)
            {
                count = 0;
            }

            if (relay.Silence is not { } silence)
                return count;
            if (count == 0)
                await Task.WhenAny(silence.Ended, _over.Task).ConfigureAwait(false);
        }
    }

    private async ValueTask SendToClientAsync(ReadOnlyMemory<byte> bytes)
    {
        if (bytes.IsEmpty)
            return;
        await _toClient.WaitAsync().ConfigureAwait(false);
        try
        {
            await SendAsync(client, bytes).ConfigureAwait(false);
        }
        finally
        {
            _toClient.Release();
        }
    }

    private async ValueTask SendAsync(Socket to, ReadOnlyMemory<byte> bytes)
    {
        long left = Interlocked.Add(ref _bytesLeft, -bytes.Length);
        if (left < 0)
            bytes = bytes[..(int)Math.Max(0, bytes.Length + left)];
        while (!bytes.IsEmpty)
            bytes = bytes[await to.SendAsync(bytes).ConfigureAwait(false)..];
        if (left < 0)
            Drop();
    }

    /// <summary>The end after so many bytes: what was passed on before arrives.</summary>
    private void Drop()
    {
        if (Interlocked.Exchange(ref _isDropped, 1) != 0)
            return;
        relay.CountDrop();
        try
        {
            client.Shutdown(SocketShutdown.Send);
            server.Shutdown(SocketShutdown.Send);
        }
        finally
        {
            Close();
        }
    }
}
