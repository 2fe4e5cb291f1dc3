using System.Runtime.CompilerServices;
using System.Text;

namespace Whimbrel.EndToEnd.Client.Interoperability;

/// <summary>
/// docs/reference/client-interoperability.md: each cell is what a test has seen. A test whose cell says something else fails;
/// WHIMBREL_WRITE_DOCS=1 writes what was seen.
/// </summary>
internal static class InteroperabilityTable
{
    public static readonly string[] Brokers = ["Whimbrel", "Mosquitto", "NATS server", "aedes", "MQTTnet server"];

    private const string Unseen = "?";

    private const string Head = """
        # The client library with other brokers

        What `Whimbrel.Client` has done with each broker in the last run of its tests (`tests/Whimbrel.EndToEnd/Client/Interoperability`), which write this
        page (`WHIMBREL_WRITE_DOCS=1`) and fail where it is not so. Each broker is a process of its own: Debian 12's Mosquitto 2.0.11 (persistence
        on) and NATS server 2.9.10 (JetStream, `ack_wait` 1 s), aedes 0.51.3 of npm and the server of MQTTnet 5.2, both in memory, and Whimbrel with
        its store. "Not offered" is what the broker does not do, seen as the client sees it. "Under way" are 300 messages, ten at a time, between two
        clients whose sessions last; both lose their connection each time.


        """;

    private static readonly Lock Writing = new();

    private static string File => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(ThisFile())!, "../../../../docs/reference/client-interoperability.md"));

    public static void AssertCell(string row, string broker, string seen)
    {
        lock (Writing)
        {
            Dictionary<(string Row, string Broker), string> cells = Read();
            if (Environment.GetEnvironmentVariable("WHIMBREL_WRITE_DOCS") == "1")
            {
                cells[(row, broker)] = seen;
                System.IO.File.WriteAllText(File, Write(cells));
                return;
            }

            Assert.True(
                cells.GetValueOrDefault((row, broker), Unseen) == seen,
                $"{broker}, {row}: seen '{seen}', {File} says '{cells.GetValueOrDefault((row, broker), Unseen)}'; if that is right now, renew it with WHIMBREL_WRITE_DOCS=1");
        }
    }

    /// <summary>The page as it is made of its own cells.</summary>
    public static (string Is, string ShouldBe) Compare()
    {
        lock (Writing)
            return (System.IO.File.ReadAllText(File), Write(Read()));
    }

    private static Dictionary<(string Row, string Broker), string> Read()
    {
        var cells = new Dictionary<(string, string), string>();
        if (!System.IO.File.Exists(File))
            return cells;
        foreach (string line in System.IO.File.ReadLines(File).Where(line => line.StartsWith('|')).Skip(2))
        {
            string[] parts = [.. line.Trim('|').Split('|').Select(part => part.Trim())];
            for (int i = 0; i < Brokers.Length && i + 1 < parts.Length; i++)
                cells[(parts[0], Brokers[i])] = parts[i + 1];
        }

        return cells;
    }

    private static string Write(Dictionary<(string Row, string Broker), string> cells)
    {
        var text = new StringBuilder(Head);
        text.Append("| | ").AppendJoin(" | ", Brokers).Append(" |\n|---|").Insert(text.Length, "---|", Brokers.Length).Append('\n');
        foreach (string row in Rows.All)
            text.Append("| ").Append(row).Append(" | ").AppendJoin(" | ", Brokers.Select(broker => cells.GetValueOrDefault((row, broker), Unseen))).Append(" |\n");
        return text.ToString();
    }

    private static string ThisFile([CallerFilePath] string file = "") => file;
}

/// <summary>What is tried, in the words and the order of the table.</summary>
internal static class Rows
{
    public const string Version = "version agreed on";
    public const string QoS0 = "QoS 0, both ways";
    public const string QoS1 = "QoS 1, both ways, in order";
    public const string QoS2 = "QoS 2, both ways, in order";
    public const string Wildcards = "wildcards";
    public const string Overlapping = "two subscriptions that overlap: each message once for each";
    public const string Retained = "retained messages";
    public const string Will = "will";
    public const string Large = "payload of 1,000,000 bytes";
    public const string Resumed = "session resumed, with what came meanwhile";
    public const string Cut1 = "connections cut under way, QoS 1: none lost";
    public const string Cut2 = "connections cut under way, QoS 2: each once";
    public const string Back = "broker killed and started: subscribed as before";
    public const string Stopped1 = "broker stopped and started under way, QoS 1: none lost";
    public const string Stopped2 = "broker stopped and started under way, QoS 2: each once";
    public const string Killed1 = "broker killed (-9) and started under way, QoS 1: none lost";
    public const string Killed2 = "broker killed (-9) and started under way, QoS 2: each once";
    public const string Request = "request and response";
    public const string Nobody = "request to nobody";

    public static readonly string[] All =
    [
        Version, QoS0, QoS1, QoS2, Wildcards, Overlapping, Retained, Will, Large, Resumed, Cut1, Cut2, Back, Stopped1, Stopped2, Killed1, Killed2, Request, Nobody,
    ];
}
