using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using Whimbrel.Client;
using Whimbrel.Client.Testing;

namespace Whimbrel.EndToEnd.Client.Guide;

/// <summary>TLS with an authority's file, a client's certificate and a pin, through a proxy.</summary>
public class EncryptionTests : GuideTests
{
    [Fact]
    public async Task Encrypted_with_a_certificate_of_its_own_and_through_a_proxy()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        using var authority = new Authority();
        var (server, _, _) = authority.Issue("localhost");
        var (device, certificateFile, keyFile) = authority.Issue("device-7");
        string caFile = authority.CaFile;
        string pin = Convert.ToBase64String(SHA256.HashData(server.PublicKey.ExportSubjectPublicKeyInfo()));
        string? seen = null;
        await using Relay front = Relay.WithTls(broker.Port, new SslServerAuthenticationOptions
        {
            ServerCertificate = server,
            ClientCertificateRequired = true,
            RemoteCertificateValidationCallback = (_, shown, _, _) => (seen = shown?.Subject) is not null,
        });
        await using Relay proxy = Relay.AsHttpProxy();
        string secureAddress = $"mqtts://localhost:{front.Port}";
        string proxyAddress = $"http://127.0.0.1:{proxy.Port}";

        // snippet: tls
        await using var client = new MqttClient(new MqttClientOptions
        {
            Endpoints = { secureAddress },
            Tls =
            {
                CaFile = caFile,                     // PEM; without it the machine's authorities are trusted
                CertificateFile = certificateFile,   // PEM; read anew at every attempt, so renewal needs no restart
                KeyFile = keyFile,
                Pins = { pin },                      // SHA-256 of the public key, in base64, beside the usual examination
            },
            Proxy = new WebProxy(proxyAddress),      // http:// (CONNECT) or socks5://
        });
        // end

        await client.PublishAsync("secret", "kept", MqttQoS.AtLeastOnce, retain: true).AsTask().WaitAsync(Limit);
        Assert.Equal("kept", (await FirstAsync(broker, "secret")).GetString());
        Assert.Equal(device.Subject, seen);
        Assert.StartsWith($"CONNECT localhost:{front.Port} ", proxy.Asked, StringComparison.Ordinal);
    }
}
