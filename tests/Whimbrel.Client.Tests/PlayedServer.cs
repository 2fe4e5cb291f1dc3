using System.Threading.Channels;
using Whimbrel.Client.Transports;
using Whimbrel.Protocol;

namespace Whimbrel.Client.Tests;

/// <summary>Stands in place of the network; the test plays the server, one connection after the other.</summary>
internal sealed class PlayedServer : IConnector
{
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private readonly Channel<PlayedLink> _links = Channel.CreateUnbounded<PlayedLink>();

    public event Action? NetworkChanged;

    /// <summary>Where the client has tried to connect.</summary>
    public List<string> Asked { get; } = [];

    /// <summary>Nobody is at home.</summary>
    public bool IsAway { get; set; }

    public ValueTask<ITransport> ConnectAsync(Endpoint endpoint, CancellationToken cancellationToken)
    {
        lock (Asked)
            Asked.Add(endpoint.ToString());
        if (IsAway)
            throw new IOException("nobody is at home");
        var link = new PlayedLink();
        _links.Writer.TryWrite(link);
        return ValueTask.FromResult<ITransport>(link);
    }

    public void ChangeNetwork() => NetworkChanged?.Invoke();

    public MqttClient NewClient(Action<MqttClientOptions>? configure = null)
    {
        var options = new MqttClientOptions
        {
            Endpoints = { "mqtt://played" },
            ProtocolVersion = MqttProtocolVersion.Mqtt50,
            Connector = this,
            Reconnect = { DelayMin = TimeSpan.FromMilliseconds(1), DelayMax = TimeSpan.FromMilliseconds(2) },
            DrainTimeout = TimeSpan.FromMilliseconds(1),
        };
        configure?.Invoke(options);
        return new MqttClient(options);
    }

    /// <summary>The next connection, whose CONNECT has come.</summary>
    public async Task<(PlayedLink Link, Heard Connect)> NextAsync()
    {
        PlayedLink link = await _links.Reader.ReadAsync().AsTask().WaitAsync(Limit);
        return (link, await link.HearAsync());
    }

    /// <summary>The next connection, accepted.</summary>
    public async Task<PlayedLink> AcceptAsync(bool sessionPresent = false)
    {
        (PlayedLink link, _) = await NextAsync();
        link.Say(new ConnAckPacket { SessionPresent = sessionPresent });
        return link;
    }
}

/// <summary>One connection from both sides: the client's as a transport, the server's by the test.</summary>
internal sealed class PlayedLink : ITransport
{
    private readonly Channel<byte[]> _toClient = Channel.CreateUnbounded<byte[]>();
    private readonly Channel<byte[]> _toServer = Channel.CreateUnbounded<byte[]>();
    private readonly Queue<Heard> _heard = new();
    private byte[] _rest = [];

    private ProtocolVersion Version { get; set; } = ProtocolVersion.Mqtt50;

    public void Say<TPacket>(in TPacket packet)
        where TPacket : IPacket, allows ref struct
    {
        byte[] bytes = new byte[packet.Measure(Version)];
        packet.Write(bytes, Version);
        _toClient.Writer.TryWrite(bytes);
    }

    public void Acknowledge(Heard heard) => Say(new AckPacket { Type = PacketType.PubAck, PacketId = heard.PacketId });

    /// <summary>The server ends the connection.</summary>
    public void Close() => _toClient.Writer.TryComplete();

    /// <summary>The next packet that the client sends.</summary>
    public async Task<Heard> HearAsync()
    {
        while (_heard.Count == 0)
        {
            ReadOnlySpan<byte> bytes = await _toServer.Reader.ReadAsync().AsTask().WaitAsync(PlayedServer.Limit);
            while (!bytes.IsEmpty)
            {
                Assert.Equal(FrameStatus.Complete, FrameReader.TryRead(bytes, uint.MaxValue, out Frame frame, out int length, out _));
                var heard = Heard.From(frame, Version);
                if (heard.Type == PacketType.Connect)
                    Version = heard.Version;
                _heard.Enqueue(heard);
                bytes = bytes[length..];
            }
        }

        return _heard.Dequeue();
    }

    async ValueTask<int> ITransport.ReceiveAsync(Memory<byte> buffer)
    {
        if (_rest.Length == 0 && await _toClient.Reader.WaitToReadAsync())
            _ = _toClient.Reader.TryRead(out _rest!);
        int count = Math.Min(buffer.Length, _rest.Length);
        _rest.AsSpan(0, count).CopyTo(buffer.Span);
        _rest = _rest[count..];
        return count;
    }

    ValueTask ITransport.SendAsync(ReadOnlyMemory<byte> bytes)
    {
        _toServer.Writer.TryWrite(bytes.ToArray());
        return default;
    }

    ValueTask ITransport.CloseAsync()
    {
        Close();
        return default;
    }

    void ITransport.Abort() => Close();

    ValueTask IAsyncDisposable.DisposeAsync() => default;
}
