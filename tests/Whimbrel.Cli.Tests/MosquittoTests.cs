using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Whimbrel.Tests;

namespace Whimbrel.Cli.Tests;

/// <summary>The tool against another broker, and beside the tools whose flags it has. Skipped where mosquitto is not installed.</summary>
public class MosquittoTests
{
    [Theory]
    [InlineData("31")]
    [InlineData("311")]
    [InlineData("5")]
    public async Task Pub_and_sub_work_with_mosquitto_s_broker(string version)
    {
        using var mosquitto = await Mosquitto.StartAsync();
        foreach (string qos in new[] { "0", "1", "2" })
        {
            using var sub = new ToolWorld();
            var receiving = sub.RunAsync("sub", "-d", "-p", mosquitto.Port, "-V", version, "-q", qos, "-C", "301", "load");
            await sub.SaysAsync("subscribed to");
            string lines = string.Concat(Enumerable.Range(0, 300).Select(i => $"line {i}\n"));
            using var pub = new ToolWorld { Input = lines };
            Assert.Equal(0, await pub.RunAsync("pub", "-p", mosquitto.Port, "-V", version, "-q", qos, "load", "-l"));
            using var last = new ToolWorld();
            Assert.Equal(0, await last.RunAsync("pub", "-p", mosquitto.Port, "-V", version, "-q", qos, "load", "last"));
            Assert.Equal(0, await receiving);
            Assert.Equal(lines + "last\n", sub.Output);
        }
    }

    [Theory]
    [InlineData("%t|%p|%q|%r|%l|%x|%X|%C|%D|%E|%F|%P|%R|%S|%%")]
    [InlineData("%-20t|%20t|%.3t|%6.3t|%05l|%-5l|%8C|%-8R|%06E")]
    [InlineData("@Y @m @d @j @a @b @y @e @%")]
    [InlineData(@"a\tb\\c\e\r")]
    public async Task A_format_prints_what_mosquitto_sub_prints(string format)
    {
        using var mosquitto = await Mosquitto.StartAsync();
        string[] message =
        [
            "-p", mosquitto.Port, "-V", "5", "-q", "1", "-r", "-t", "home/kitchen", "-m", "21.5 °C",
            "-D", "publish", "content-type", "text", "-D", "publish", "response-topic", "r/t", "-D", "publish", "correlation-data", "cd",
            "-D", "publish", "payload-format-indicator", "1", "-D", "publish", "user-property", "k", "v", "-D", "publish", "user-property", "k", "w",
        ];
        using var pub = new ToolWorld();
        Assert.Equal(0, await pub.RunAsync(["pub", .. message]));
        string[] subscription = ["-p", mosquitto.Port, "-V", "5", "-q", "1", "-t", "home/#", "-C", "1", "-F", format, "-D", "subscribe", "subscription-identifier", "7"];
        using var sub = new ToolWorld();
        Assert.Equal(0, await sub.RunAsync(["sub", .. subscription]));
        Assert.Equal(await Mosquitto.RunAsync("mosquitto_sub", subscription), sub.Output);
    }

    [Fact]
    public async Task A_message_that_expires_counts_down_at_both()
    {
        using var mosquitto = await Mosquitto.StartAsync();
        using var sub = new ToolWorld();
        var receiving = sub.RunAsync("sub", "-d", "-p", mosquitto.Port, "-C", "1", "a", "-F", "%E %p");
        await sub.SaysAsync("subscribed to");
        await Mosquitto.RunAsync("mosquitto_pub", ["-p", mosquitto.Port, "-V", "5", "-t", "a", "-m", "b", "-D", "publish", "message-expiry-interval", "60"]);
        Assert.Equal(0, await receiving);
        Assert.Matches("^(60|59) b\n$", sub.Output);
    }

    [Fact]
    public async Task TLS_and_WebSocket_lead_there_too()
    {
        using var authority = new Authority();
        (X509Certificate2 own, string certificate, string key) = authority.Issue("localhost");
        (X509Certificate2 mine, string myCertificate, string myKey) = authority.Issue("me");
        using var owns = own;
        using var mines = mine;
        string tls = $"cafile {authority.CaFile}\ncertfile {certificate}\nkeyfile {key}\nrequire_certificate true";
        using var secure = await Mosquitto.StartAsync(tls);
        string[] trusted = ["-p", secure.Port, "--cafile", authority.CaFile];
        string[] known = [.. trusted, "--cert", myCertificate, "--key", myKey];
        using var pub = new ToolWorld();
        Assert.Equal(0, await pub.RunAsync(["pub", "-q", "1", "-r", "a", "over TLS", .. known]));
        using var sub = new ToolWorld();
        Assert.Equal(0, await sub.RunAsync(["sub", "a", "-C", "1", .. known]));
        Assert.Equal("over TLS\n", sub.Output);

        string at = $"whimbrel: mqtts://localhost:{secure.Port} cannot be reached: ";
        using var stranger = new ToolWorld();
        Assert.Equal(3, await stranger.RunAsync(["pub", "a", "b", .. trusted]));
        Assert.StartsWith(at, stranger.Error, StringComparison.Ordinal);
        using var careful = new ToolWorld();
        Assert.Equal(3, await careful.RunAsync("pub", "a", "b", "-p", secure.Port, "--tls", "--cert", myCertificate, "--key", myKey));
        Assert.StartsWith($"{at}TLS: the server's certificate is not trusted: ", careful.Error, StringComparison.Ordinal);
        using var careless = new ToolWorld();
        Assert.Equal(0, await careless.RunAsync("pub", "a", "b", "-p", secure.Port, "--insecure", "--cert", myCertificate, "--key", myKey));

        // Mosquitto 2.0 does not start with a WebSocket alone.
        using var web = await Mosquitto.StartAsync($"protocol websockets\nlistener {Mosquitto.FreePort()} 127.0.0.1");
        using var first = new ToolWorld();
        Assert.Equal(0, await first.RunAsync("pub", "--ws", "-p", web.Port, "-q", "1", "-r", "a", "over WebSocket"));
        using var second = new ToolWorld();
        Assert.Equal(0, await second.RunAsync("sub", "-L", $"ws://localhost:{web.Port}/elsewhere", "a", "-C", "1"));
        Assert.Equal("over WebSocket\n", second.Output);
    }

    private sealed class Mosquitto : IDisposable
    {
        private readonly Process _process;

        private Mosquitto(Process process, string port)
        {
            _process = process;
            Port = port;
        }

        public string Port { get; }

        /// <param name="listener">What its configuration says about the listener, beside the port.</param>
        public static async Task<Mosquitto> StartAsync(string listener = "")
        {
            string? program = new[] { "/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/usr/bin/mosquitto" }.FirstOrDefault(File.Exists);
            Assert.SkipWhen(program is null, "mosquitto is not installed");
            // Mosquitto cannot pick a port, and one that was free a moment ago may be somebody else's by now: then the next one.
            string? line = null;
            for (int attempt = 0; attempt < 20; attempt++)
            {
                string port = FreePort();
                string configuration = Path.GetTempFileName();
                await File.WriteAllTextAsync(configuration, $"user root\nallow_anonymous true\nlistener {port} 127.0.0.1\n{listener}\n");
                var process = Process.Start(new ProcessStartInfo(program, ["-v", "-c", configuration]) { RedirectStandardError = true })!;
                do
                {
                    line = await process.StandardError.ReadLineAsync();
                }
                while (line is not null && !line.Contains(" running", StringComparison.Ordinal) && !line.Contains("Error", StringComparison.Ordinal));
                File.Delete(configuration);
                var started = new Mosquitto(process, port);
                if (line is not null && !line.Contains("Error", StringComparison.Ordinal))
                {
                    _ = process.StandardError.ReadToEndAsync();
                    return started;
                }

                started.Dispose();
            }

            throw new InvalidOperationException($"mosquitto does not start: {line}");
        }

        public static string FreePort()
        {
            using var probe = new TcpListener(IPAddress.Loopback, 0);
            probe.Start();
            return ((IPEndPoint)probe.LocalEndpoint).Port.ToString(CultureInfo.InvariantCulture);
        }

        public static async Task<string> RunAsync(string program, string[] arguments)
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            _ = process.StandardError.ReadToEndAsync();
            string output = await process.StandardOutput.ReadToEndAsync();
            await process.WaitForExitAsync();
            Assert.Equal(0, process.ExitCode);
            return output;
        }

        public void Dispose()
        {
            _process.Kill();
            _process.WaitForExit();
            _process.Dispose();
        }
    }
}
