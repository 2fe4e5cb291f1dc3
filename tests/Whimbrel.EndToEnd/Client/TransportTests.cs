using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;
using Whimbrel.Client;
using Whimbrel.Hosting;

namespace Whimbrel.EndToEnd.Client;

/// <summary>Every way to the broker: TLS and WebSocket through a front, because the broker does not have them yet, and proxies.</summary>
public class TransportTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Over_TLS_with_the_authority_s_file_and_a_client_certificate()
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(LinkKind.Pipes);
        using var authority = new Authority();
        var (certificate, _, _) = authority.Issue("localhost");
        var (own, certificateFile, keyFile) = authority.Issue("device");
        string? seen = null;
        await using Relay relay = Relay.WithTls(broker.Port, new SslServerAuthenticationOptions
        {
            ServerCertificate = certificate,
            ClientCertificateRequired = true,
            RemoteCertificateValidationCallback = (_, shown, _, _) => (seen = shown?.Subject) is not null,
        });
        await using var client = new MqttClient(new MqttClientOptions
        {
            Endpoints = { $"mqtts://localhost:{relay.Port}" },
            Tls = { CaFile = authority.CaFile, CertificateFile = certificateFile, KeyFile = keyFile, Pins = { PinOf(certificate) } },
        });
        await EchoAsync(client);
        Assert.Equal(own.Subject, seen);
    }

    [Theory]
    [InlineData("authority")]
    [InlineData("name")]
    [InlineData("pin")]
    public async Task TLS_refuses_a_server_that_is_not_the_right_one_and_says_why(string wrong)
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(LinkKind.Pipes);
        using var authority = new Authority();
        using var other = new Authority();
        var (certificate, _, _) = authority.Issue(wrong == "name" ? "elsewhere" : "localhost");
        await using Relay relay = Relay.WithTls(broker.Port, new SslServerAuthenticationOptions { ServerCertificate = certificate });
        var options = new MqttClientOptions
        {
            Endpoints = { $"mqtts://localhost:{relay.Port}" },
            Tls = { CaFile = wrong == "authority" ? other.CaFile : authority.CaFile },
        };
        if (wrong == "pin")
            options.Tls.Pins.Add(Convert.ToBase64String(SHA256.HashData([1, 2, 3])));
        await using var client = new MqttClient(options);
        var refusal = await Assert.ThrowsAsync<MqttConnectException>(() => client.ConnectAsync().WaitAsync(Limit));
        Assert.Contains(wrong, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_client_s_certificate_is_asked_for_at_every_attempt_so_that_it_can_be_renewed()
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(LinkKind.Pipes);
        using var authority = new Authority();
        var (certificate, _, _) = authority.Issue("localhost");
        var seen = new List<string>();
        await using Relay relay = Relay.WithTls(broker.Port, new SslServerAuthenticationOptions
        {
            ServerCertificate = certificate,
            ClientCertificateRequired = true,
            RemoteCertificateValidationCallback = (_, shown, _, _) =>
            {
                seen.Add(shown?.Subject ?? "none");
                return shown is not null;
            },
        });
        int asked = 0;
        await using var client = new MqttClient(new MqttClientOptions
        {
            Endpoints = { $"mqtts://localhost:{relay.Port}" },
            Tls = { CaFile = authority.CaFile, ClientCertificateProvider = _ => ValueTask.FromResult<X509Certificate2?>(authority.Issue($"device{++asked}").Item1) },
        });
        await client.ConnectAsync().WaitAsync(Limit);
        Task lost = ClientTests.Next(client, MqttConnectionState.Reconnecting);
        relay.CutAll();
        await lost.WaitAsync(Limit);
        await client.WaitForConnectedAsync().WaitAsync(Limit);
        await client.PingAsync().WaitAsync(Limit);
        Assert.Equal(["CN=device1", "CN=device2"], seen);
    }

    [Fact]
    public async Task The_dangerous_switch_takes_any_certificate()
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(LinkKind.Pipes);
        using var authority = new Authority();
        await using Relay relay = Relay.WithTls(broker.Port, new SslServerAuthenticationOptions { ServerCertificate = authority.Issue("elsewhere").Certificate });
        await using var client = new MqttClient(new MqttClientOptions
        {
            Endpoints = { $"mqtts://localhost:{relay.Port}" },
            Tls = { DangerousAcceptAnyServerCertificate = true },
        });
        await EchoAsync(client);
    }

    [Theory]
    [InlineData("http")]
    [InlineData("socks5")]
    public async Task Through_a_proxy(string scheme)
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(LinkKind.Pipes);
        await using Relay proxy = scheme == "http" ? Relay.AsHttpProxy() : Relay.AsSocksProxy("me", "secret");
        await using var client = new MqttClient(new MqttClientOptions
        {
            Endpoints = { $"mqtt://broker.example:{broker.Port}" },
            Proxy = new WebProxy($"{scheme}://127.0.0.1:{proxy.Port}") { Credentials = new NetworkCredential("me", "secret") },
        });
        await EchoAsync(client);
        Assert.Contains("broker.example", proxy.Asked, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Over_WebSocket_and_through_a_proxy(bool throughProxy)
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(LinkKind.Pipes);
        string? header = null;
        await using WebApplication front = await FrontAsync(broker.Port, value => header = value);
        await using Relay proxy = Relay.AsHttpProxy();
        await using var client = new MqttClient(new MqttClientOptions
        {
            Endpoints = { front.Urls.First().Replace("http", "ws", StringComparison.Ordinal) },
            Proxy = throughProxy ? new WebProxy($"http://127.0.0.1:{proxy.Port}") : null,
            WebSocket = { Headers = _ => ValueTask.FromResult<IReadOnlyList<KeyValuePair<string, string>>>([new("X-Token", "abc")]) },
        });
        await EchoAsync(client);
        Assert.Equal("abc", header);
        Assert.Equal(throughProxy, proxy.Accepted > 0);
    }

    [Fact]
    public async Task Over_a_unix_socket()
    {
        string path = Path.Combine(Path.GetTempPath(), $"whimbrel-{Guid.NewGuid():N}.sock");
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(LinkKind.Pipes, configure: options => options.Listen.Add($"unix://{path}"));
        await using var client = new MqttClient($"unix://{path}");
        await EchoAsync(client);
    }

    [Fact]
    public async Task The_next_of_several_servers_is_taken_when_one_does_not_answer()
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(LinkKind.Pipes);
        int closed;
        using (var nobody = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp))
        {
            nobody.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            closed = ((IPEndPoint)nobody.LocalEndPoint!).Port;
        }

        await using var client = new MqttClient($"mqtt://127.0.0.1:{closed},127.0.0.1:{broker.Port}");
        await EchoAsync(client);
    }

    private static string PinOf(System.Security.Cryptography.X509Certificates.X509Certificate2 certificate) =>
        Convert.ToBase64String(SHA256.HashData(certificate.PublicKey.ExportSubjectPublicKeyInfo()));

    /// <summary>What it publishes comes back whole, large as well as small.</summary>
    private static async Task EchoAsync(MqttClient client)
    {
        await using MqttSubscription subscription = await client.OpenSubscriptionAsync("echo/#", new MqttSubscribeOptions { QoS = MqttQoS.ExactlyOnce }).WaitAsync(Limit);
        await using IAsyncEnumerator<MqttMessage> messages = subscription.GetAsyncEnumerator();
        foreach (int size in new[] { 0, 1, 1000, 300_000 })
        {
            byte[] payload = RandomNumberGenerator.GetBytes(size);
            await client.PublishAsync($"echo/{size}", payload, MqttQoS.ExactlyOnce).AsTask().WaitAsync(Limit);
            Assert.True(await messages.MoveNextAsync().AsTask().WaitAsync(Limit));
            Assert.True(payload.AsSpan().SequenceEqual(messages.Current.Payload.Span));
        }
    }

    private static async Task<WebApplication> FrontAsync(int port, Action<string?> seen)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        WebApplication app = builder.Build();
        app.UseWebSockets();
        app.Run(async context =>
        {
            Assert.Equal("/mqtt", context.Request.Path);
            seen(context.Request.Headers["X-Token"]);
            using WebSocket socket = await context.WebSockets.AcceptWebSocketAsync("mqtt");
            using var tcp = new TcpClient();
            await tcp.ConnectAsync(IPAddress.Loopback, port);
            Task down = PassDownAsync(tcp.GetStream(), socket);
            byte[] buffer = new byte[8 * 1024];
            while (await socket.ReceiveAsync(buffer, CancellationToken.None) is { MessageType: WebSocketMessageType.Binary } result)
                await tcp.GetStream().WriteAsync(buffer.AsMemory(0, result.Count));
            tcp.Client.Shutdown(SocketShutdown.Send);
            await down;
            await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
        });
        await app.StartAsync();
        return app;

        static async Task PassDownAsync(NetworkStream from, WebSocket to)
        {
            byte[] buffer = new byte[8 * 1024];
            while (await from.ReadAsync(buffer) is int count and > 0)
                await to.SendAsync(buffer.AsMemory(0, count), WebSocketMessageType.Binary, false, CancellationToken.None);
        }
    }
}
