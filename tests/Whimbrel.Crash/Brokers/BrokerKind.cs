namespace Whimbrel.Crash.Brokers;

/// <summary>A program that is put to the test: how it is started on a port and a directory, and how it says that it listens.</summary>
internal abstract class BrokerKind
{
    public abstract string Name { get; }

    /// <summary>In what it prints once it takes connections.</summary>
    public abstract string ListeningWords { get; }

    /// <summary>The path of the program; null where it is not installed.</summary>
    public abstract string? Program { get; }

    public abstract IReadOnlyList<string> Arguments(int port, string directory);
}

/// <summary>The broker as it was built beside these tests, with nothing configured but where.</summary>
internal sealed class WhimbrelBroker : BrokerKind
{
    public override string Name => "whimbrel";

    public override string ListeningWords => "listening on mqtt://";

    public override string Program => Path.Combine(AppContext.BaseDirectory, OperatingSystem.IsWindows() ? "whimbrel.exe" : "whimbrel");

    public override IReadOnlyList<string> Arguments(int port, string directory) =>
        ["serve", "--listen", $"mqtt://127.0.0.1:{port}", "--data", Path.Combine(directory, "data")];
}

/// <summary>The same broker when it is told to keep everything in memory. It loses what it held: the harness must say so.</summary>
internal sealed class WhimbrelInMemory : BrokerKind
{
    private readonly WhimbrelBroker _broker = new();

    public override string Name => "whimbrel --in-memory";

    public override string ListeningWords => _broker.ListeningWords;

    public override string Program => _broker.Program;

    public override IReadOnlyList<string> Arguments(int port, string directory) => ["serve", "--listen", $"mqtt://127.0.0.1:{port}", "--in-memory"];
}

/// <summary>
/// Mosquitto with persistence turned on and its other defaults, autosave every 30 minutes among them. Two things that are no fault of its
/// persistence are taken out: its queue limit, and a copy for each of several subscriptions that overlap.
/// </summary>
internal sealed class MosquittoBroker : BrokerKind
{
    public override string Name => "mosquitto";

    public override string ListeningWords => " running";

    public override string? Program => new[] { "/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto" }.FirstOrDefault(File.Exists);

    public override IReadOnlyList<string> Arguments(int port, string directory)
    {
        string file = Path.Combine(directory, "mosquitto.conf");
        File.WriteAllLines(file,
        [
            $"listener {port} 127.0.0.1",
            "allow_anonymous true",
            "persistence true",
            $"persistence_location {directory}/",
            "max_queued_messages 0",
            "allow_duplicate_messages false",
            "log_dest stderr",
            $"user {Environment.UserName}",
        ]);
        return ["-c", file];
    }
}
