using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;

namespace Whimbrel.EndToEnd.Client.Interoperability;

/// <summary>
/// A broker as a process of its own, on a port and a directory that stay the same when it is started again. Started by the first test that wants
/// it; where it is not installed, that test is skipped, by name, and fails in CI.
/// </summary>
public abstract class ForeignBroker : IAsyncDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private readonly string _directory = Directory.CreateTempSubdirectory("whimbrel-foreign-").FullName;
    private ExternalProgram? _program;

    /// <summary>What it is called in the table.</summary>
    public abstract string Name { get; }

    /// <summary>How it breaks QoS 2 when connections are cut, seen on the wire; null if it does not.</summary>
    public virtual string? BreaksQoS2 => null;

    public int Port { get; } = FreePort();

    /// <summary>Starts it unless it runs; done when it accepts connections.</summary>
    public void Start()
    {
        if (_program is not null)
            return;
        (string program, string[] arguments) = Command(_directory);
        _program = ExternalProgram.Start(program, arguments);
        Assert.True(SpinWait.SpinUntil(IsListening, Limit), $"{Name} does not listen");
    }

    /// <summary>Ends it as its service would, and waits for its end.</summary>
    public async Task StopAsync()
    {
        await _program!.StopAsync();
        await EndAsync();
    }

    /// <summary>SIGKILL.</summary>
    public async Task KillAsync()
    {
        _program!.Kill();
        await EndAsync();
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await EndAsync();
        Directory.Delete(_directory, recursive: true);
    }

    /// <summary>How it is started on <see cref="Port"/> with everything that it keeps in a directory.</summary>
    protected abstract (string Program, string[] Arguments) Command(string directory);

    protected static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    /// <summary>What another project of this repository builds into.</summary>
    protected static string Built(string project, string file) =>
        Path.Combine(AppContext.BaseDirectory.Replace(Path.Combine("tests", "Whimbrel.EndToEnd"), project, StringComparison.Ordinal), file);

    protected static string Beside(string file, [CallerFilePath] string thisFile = "") => Path.Combine(Path.GetDirectoryName(thisFile)!, file);

    private async Task EndAsync()
    {
        if (_program is null)
            return;
        await _program.DisposeAsync();
        _program = null;
    }

    private bool IsListening()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Connect(IPAddress.Loopback, Port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}

/// <summary>Debian's Mosquitto with persistence turned on.</summary>
public sealed class Mosquitto : ForeignBroker
{
    public override string Name => "Mosquitto";

    protected override (string Program, string[] Arguments) Command(string directory)
    {
        string file = Path.Combine(directory, "mosquitto.conf");
        File.WriteAllLines(file,
        [
            $"listener {Port} 127.0.0.1", "allow_anonymous true", "persistence true", $"persistence_location {directory}/", "max_queued_messages 0", "log_dest none",
            $"user {Environment.UserName}",
        ]);
        return ("mosquitto", ["-c", file]);
    }
}

/// <summary>Debian's NATS server, whose MQTT rests on JetStream.</summary>
public sealed class NatsServer : ForeignBroker
{
    private readonly int _ownPort = FreePort();

    public override string Name => "NATS server";

    protected override (string Program, string[] Arguments) Command(string directory)
    {
        string file = Path.Combine(directory, "nats.conf");
        File.WriteAllLines(file,
        [
            "server_name: interoperability", "host: \"127.0.0.1\"", $"port: {_ownPort}", $"jetstream {{ store_dir: \"{directory}/js\" }}",
            // What a lost connection had not acknowledged comes again after this time, and not with the next connection; it is half a minute otherwise.
            $"mqtt {{ host: \"127.0.0.1\", port: {Port}, ack_wait: \"1s\" }}",
        ]);
        return ("nats-server", ["-c", file, "-l", Path.Combine(directory, "log")]);
    }
}

/// <summary>aedes of npm, in memory. Its version is the last that runs on Debian's Node.js.</summary>
public sealed class Aedes : ForeignBroker
{
    public override string Name => "aedes";

    public override string? BreaksQoS2 => "sends a PUBLISH again whose PUBREL it has sent [MQTT-4.3.3-1]";

    protected override (string Program, string[] Arguments) Command(string directory)
    {
        if (!Directory.Exists(Beside("aedes/node_modules/aedes")) && Environment.GetEnvironmentVariable("CI") is null)
            Assert.Skip("aedes is not installed: npm ci in tests/Whimbrel.EndToEnd/Client/Interoperability/aedes");
        return ("node", [Beside("aedes/broker.js"), $"{Port}"]);
    }
}

/// <summary>The server of MQTTnet, in memory.</summary>
public sealed class MqttNetServer : ForeignBroker
{
    public override string Name => "MQTTnet server";

    public override string? BreaksQoS2 => "routes a repeated PUBLISH again, and repeats its own under another packet identifier";

    protected override (string Program, string[] Arguments) Command(string directory) =>
        ("dotnet", [Built(Path.Combine("bench", "MqttNetHost"), "MqttNetHost.dll"), $"{Port}"]);
}

/// <summary>Our own, as it was built beside these tests, with nothing configured but where.</summary>
public sealed class WhimbrelServer : ForeignBroker
{
    public override string Name => "Whimbrel";

    protected override (string Program, string[] Arguments) Command(string directory) =>
        ("dotnet", [Built(Path.Combine("src", "Whimbrel.Cli"), "whimbrel.dll"), "serve", "--listen", $"mqtt://127.0.0.1:{Port}", "--data", Path.Combine(directory, "data")]);
}
