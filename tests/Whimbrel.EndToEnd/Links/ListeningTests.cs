using System.Net;
using System.Net.Sockets;
using Whimbrel.Hosting;

namespace Whimbrel.EndToEnd;

public sealed class ListeningTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("whimbrel").FullName;

    public static TheoryData<Carrier> Carriers => WiredBroker.Carriers;

    private string SocketPath => Path.Combine(_folder, "broker.sock");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [MemberData(nameof(Carriers))]
    public async Task A_taken_port_is_named(Carrier carrier)
    {
        await using var first = await WiredBroker.StartAsync(carrier);
        string endpoint = $"mqtt://127.0.0.1:{first.Port}";
        var e = await Assert.ThrowsAsync<ListenException>(() => WiredBroker.StartAsync(carrier, options => options.Listen.Add(endpoint)));
        Assert.Equal($"{endpoint}: address already in use", e.Message);
    }

    [Theory]
    [MemberData(nameof(Carriers))]
    public async Task A_listener_that_fails_leaves_none_of_the_others_open(Carrier carrier)
    {
        await using var taken = await WiredBroker.StartAsync(carrier);
        await Assert.ThrowsAsync<ListenException>(() => WiredBroker.StartAsync(carrier, options =>
        {
            options.Listen.Add($"unix://{SocketPath}");
            options.Listen.Add($"mqtt://127.0.0.1:{taken.Port}");
        }));
        Assert.False(File.Exists(SocketPath));
    }

    [Theory]
    [MemberData(nameof(Carriers))]
    public async Task A_broker_can_be_started_again_on_its_port_at_once(Carrier carrier)
    {
        int port;
        await using (var first = await WiredBroker.StartAsync(carrier))
        {
            port = first.Port;
            await first.ConnectAsync("client");
            await first.StopAsync();
        }

        await using var second = await WiredBroker.StartAsync(carrier, options => options.Listen.Add($"mqtt://127.0.0.1:{port}"));
        await using var client = await second.ConnectAsync("client");
        await client.PingAsync();
    }

    [Theory]
    [MemberData(nameof(Carriers))]
    public async Task Localhost_is_both_loopback_addresses_on_one_port(Carrier carrier)
    {
        await using var broker = await WiredBroker.StartAsync(carrier, options => options.Listen.Add("mqtt://localhost:0"));
        Assert.All(broker.EndPoints, endPoint => Assert.Equal(broker.Port, ((IPEndPoint)endPoint).Port));
        Assert.Equal(broker.EndPoints.Select(endPoint => $"mqtt://{endPoint}"), broker.Broker.Endpoints);
        foreach (var endPoint in broker.EndPoints)
        {
            await using var client = await broker.OpenAsync(endPoint);
            await client.ConnectAsync($"on {endPoint}");
        }
    }

    [Theory]
    [MemberData(nameof(Carriers))]
    public async Task A_unix_socket_carries_a_client_and_is_removed_at_the_end(Carrier carrier)
    {
        await using var broker = await StartOnSocketAsync(carrier);
        Assert.Equal([$"unix://{SocketPath}"], broker.Broker.Endpoints);
        await using (var client = await broker.ConnectAsync("local"))
        {
            await client.SubscribeAsync("t");
            await client.PublishAsync("t", "hello");
            Assert.Equal("hello", (await client.ReadAsync()).Payload);
        }

        Assert.Equal("unix", (await broker.Events.ClosedAsync("local")).Peer);
        await broker.StopAsync();
        Assert.False(File.Exists(SocketPath));
    }

    [Theory]
    [MemberData(nameof(Carriers))]
    public async Task A_socket_file_that_a_crash_left_is_taken_over(Carrier carrier)
    {
        using (var left = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            left.Bind(new UnixDomainSocketEndPoint(SocketPath));
            left.Listen();
            File.Move(SocketPath, SocketPath + ".kept");
        }

        File.Move(SocketPath + ".kept", SocketPath);
        await using var broker = await StartOnSocketAsync(carrier);
        await using var client = await broker.ConnectAsync("local");
        await client.PingAsync();
    }

    [Theory]
    [MemberData(nameof(Carriers))]
    public async Task A_socket_file_on_which_somebody_listens_is_refused(Carrier carrier)
    {
        await using var first = await StartOnSocketAsync(carrier);
        var e = await Assert.ThrowsAsync<ListenException>(() => StartOnSocketAsync(carrier));
        Assert.Equal($"unix://{SocketPath}: address already in use", e.Message);
        await using var client = await first.ConnectAsync("still there");
    }

    [Theory]
    [MemberData(nameof(Carriers))]
    public async Task A_file_that_is_no_socket_is_left_alone(Carrier carrier)
    {
        await File.WriteAllTextAsync(SocketPath, "precious");
        var e = await Assert.ThrowsAsync<ListenException>(() => StartOnSocketAsync(carrier));
        Assert.Equal($"unix://{SocketPath}: the file exists and is not a socket", e.Message);
        Assert.Equal("precious", await File.ReadAllTextAsync(SocketPath));
    }

    private Task<WiredBroker> StartOnSocketAsync(Carrier carrier) =>
        WiredBroker.StartAsync(carrier, options => options.Listen.Add($"unix://{SocketPath}"));
}
