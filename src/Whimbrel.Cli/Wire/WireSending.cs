using System.Buffers;
using System.Net.Sockets;
using Whimbrel.Protocol;

namespace Whimbrel.Cli.Wire;

/// <summary>
/// What waits to be sent: packets are appended by any thread and sent by one loop, everything that has gathered in one call.
/// </summary>
internal sealed class WireSending(Socket socket, ProtocolVersion version) : IDisposable
{
    // A publisher waits while more than this is unsent.
    private const int EnoughBytes = 256 * 1024;

    private readonly Lock _lock = new();
    private readonly SemaphoreSlim _wake = new(0);
    private ArrayBufferWriter<byte> _gathering = new();
    private ArrayBufferWriter<byte> _leaving = new();
    private TaskCompletionSource _sent = NewSignal();
    private bool _isWoken;
    private bool _isFinishing;

    /// <summary>Counts packets, so that the keep alive sees whether there were any.</summary>
    public long Packets { get; private set; }

    public void Append<TPacket>(in TPacket packet)
        where TPacket : IPacket, allows ref struct
    {
        int length = packet.Measure(version);
        lock (_lock)
        {
            if (_isFinishing)
                return;
            packet.Write(_gathering.GetSpan(length)[..length], version);
            _gathering.Advance(length);
            Packets++;
            Wake();
        }
    }

    public void AppendRaw(ReadOnlySpan<byte> packet)
    {
        lock (_lock)
        {
            if (_isFinishing)
                return;
            _gathering.Write(packet);
            Packets++;
            Wake();
        }
    }

    /// <summary>Waits until there is room for more.</summary>
    public async ValueTask RoomAsync(Task closed)
    {
        while (true)
        {
            Task sent;
            lock (_lock)
            {
                if (_gathering.WrittenCount < EnoughBytes)
                    return;
                sent = _sent.Task;
            }

            if (await Task.WhenAny(sent, closed).ConfigureAwait(false) == closed)
                return;
        }
    }

    /// <summary>Lets the loop end when everything has been sent; what is appended from now on is not sent [MQTT-3.14.4-1].</summary>
    public void Finish()
    {
        lock (_lock)
        {
            _isFinishing = true;
            Wake();
        }
    }

    public async Task RunAsync(CancellationToken cancel)
    {
        while (true)
        {
            await _wake.WaitAsync(cancel).ConfigureAwait(false);
            TaskCompletionSource sent;
            lock (_lock)
            {
                _isWoken = false;
                if (_gathering.WrittenCount == 0 && _isFinishing)
                    return;
                (_gathering, _leaving) = (_leaving, _gathering);
                sent = _sent;
                _sent = NewSignal();
                if (_isFinishing)
                    Wake();
            }

            await SendAllAsync(socket, _leaving.WrittenMemory, cancel).ConfigureAwait(false);
            _leaving.ResetWrittenCount();
            sent.SetResult();
        }
    }

    public static async ValueTask SendAllAsync(Socket socket, ReadOnlyMemory<byte> bytes, CancellationToken cancel)
    {
        while (!bytes.IsEmpty)
            bytes = bytes[await socket.SendAsync(bytes, cancel).ConfigureAwait(false)..];
    }

    public void Dispose() => _wake.Dispose();

    /// <summary>Under the lock: one release per round of the loop.</summary>
    private void Wake()
    {
        if (_isWoken)
            return;
        _isWoken = true;
        _wake.Release();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
