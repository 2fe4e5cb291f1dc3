using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Whimbrel.Cli.Bench.Load;
using Whimbrel.Cli.Bench.Reports;
using Whimbrel.Cli.Bench.Scenarios;
using Whimbrel.Cli.Commands;
using Whimbrel.Cli.Connections;
using Whimbrel.Protocol;

namespace Whimbrel.Cli.Bench;

/// <summary><c>whimbrel bench</c>: the options and their meaning.</summary>
internal sealed class BenchCommand : Command
{
    // Of Linux, whatever the system is set to.
    private const int PidMax = 4_194_304;

    private static readonly Scenario[] All =
    [
        new ConnScenario(),
        new PubScenario(),
        new SubScenario(),
        new PairsScenario(),
        new FanOutScenario(),
        new FanInScenario(),
        new SharedScenario(),
        new RetainedScenario(),
        new SubsScenario(),
        new ChurnScenario(),
        new OfflineScenario(),
    ];

    private readonly Argument<string?> _scenario = new("scenario")
    {
        HelpName = "SCENARIO",
        Description = string.Join("; ", All.Select(s => $"{s.Name}: {s.Summary}")) + ".",
        Arity = new ArgumentArity(0, 1),
    };

    private readonly Option<string> _host = ToolOption.Value("--host", "HOST", "Broker to load; localhost if nothing is said.", "-h");
    private readonly Option<string> _port = ToolOption.Value("--port", "PORT", "Its port; 1883 if nothing is said.", "-p");
    private readonly Option<string> _url = ToolOption.Value(
        "--url", "URL", "Both at once, and who connects: mqtt://[user[:password]@]host[:port] or unix:///PATH.", "-L");
    private readonly Option<string> _qos = ToolOption.Value("--qos", "QOS", "Of publishing and subscribing: 0, 1 or 2.", "-q");
    private readonly Option<string> _payload = ToolOption.Value("--payload", "BYTES", "Of each message, 16 or more; 16 if nothing is said.");
    private readonly Option<string> _window = ToolOption.Value(
        "--window", "COUNT", "Messages of one publisher that may be on their way, to subscribers and for acknowledgement.");
    private readonly Option<string> _rate = ToolOption.Value(
        "--rate", "RATE", "Messages a second of each publisher, by a timetable: latency counts from the moment when a message was due.");
    private readonly Option<string> _duration = ToolOption.Value("--duration", "SECONDS", "How long to measure; 5 if nothing is said.", "-d");
    private readonly Option<string> _warmup = ToolOption.Value("--warmup", "SECONDS", "How long to run before; 1 if nothing is said.");
    private readonly Option<string> _clients = ToolOption.Value("--clients", "COUNT", "Publishers, or connections where the scenario has no others.", "-c");
    private readonly Option<string> _pairs = ToolOption.Value("--pairs", "COUNT", "The same for pairs.");
    private readonly Option<string> _subscribers = ToolOption.Value("--subscribers", "COUNT", "Subscribers, where the scenario has a choice.");
    private readonly Option<string> _stalled = ToolOption.Value("--stalled", "COUNT", "Subscribers besides that read nothing, of fanout.");
    private readonly Option<string> _count = ToolOption.Value("--count", "COUNT", "Messages or subscriptions, where the scenario counts them.", "-n");
    private readonly Option<string> _topic = ToolOption.Value("--topic", "PREFIX", "Beginning of all topics and client identifiers; unique if nothing is said.");
    private readonly Option<string> _version = ToolOption.Value("--version", "VERSION", "MQTT 3.1.1 or 5; 5 if nothing is said.", "-V");
    private readonly Option<string> _sources = ToolOption.Value(
        "--sources", "FIRST-LAST", "Connect from these addresses in turn, such as 127.0.0.1-127.0.0.9: each has some 28,000 ports.");
    private readonly Option<string> _pid = ToolOption.Value("--pid", "PID", "Process of the broker: reports its CPU per message and memory.");
    private readonly Option<bool> _json = ToolOption.Flag("--json", "Print the result as JSON.");

    public BenchCommand(ToolContext context)
        : base("bench", "Load a broker and measure it.")
    {
        Add(_scenario);
        Option[] options =
        [
            _host, _port, _url, _qos, _payload, _window, _rate, _duration, _warmup, _clients, _pairs, _subscribers, _stalled, _count, _topic, _version,
            _sources, _pid, _json,
        ];
        foreach (var option in options)
            Add(option);
        SetAction((parsed, _) => RunAsync(Read(parsed), context));
    }

    /// <exception cref="UsageFailure">The options do not go together.</exception>
    public BenchSettings Read(ParseResult parsed)
    {
        var problems = new List<string>();
        string? name = parsed.GetValue(_scenario);
        var scenario = Array.Find(All, s => s.Name == name);
        string names = string.Join(", ", All.Select(s => s.Name));
        if (scenario is null)
            throw new UsageFailure(name is null ? $"which scenario? {names}" : $"there is no scenario '{name}': {names}");

        var url = ReadTarget(parsed, problems);
        int clients = ReadCount(parsed, _clients, scenario.Clients, scenario.Name, problems);
        if (parsed.GetValue(_pairs) is not null)
            clients = ReadCount(parsed, _pairs, scenario is PairsScenario ? scenario.Clients : null, scenario.Name, problems);
        if (parsed.GetValue(_rate) is not null && !scenario.TakesRate)
            problems.Add($"{scenario.Name} has no --rate");
        string prefix = parsed.GetValue(_topic) ?? (scenario.HasFixedPrefix ? "bench/load" : $"bench/{Random.Shared.Next(0x10000):x4}");
        if (!TopicName.IsValid(System.Text.Encoding.UTF8.GetBytes(prefix)))
            problems.Add($"--topic '{prefix}' is not the beginning of a topic name");

        var settings = new BenchSettings(scenario, url.Addresses[0])
        {
            Prefix = prefix,
            UserName = url.UserName,
            Password = url.Password,
            Version = ReadVersion(parsed, problems),
            Sources = ReadSources(parsed, problems),
            QoS = ReadQoS(parsed, scenario, problems),
            PayloadBytes = (int)ToolOption.ReadNumber(parsed, _payload, Stamp.Length, 256 * 1024 * 1024 - 1024, Stamp.Length, problems),
            Window = (int)ToolOption.ReadNumber(parsed, _window, 1, 30_000, scenario.Window(clients), problems),
            Rate = ReadDecimal(parsed, _rate, 0.001, 10_000_000, 0, problems),
            Duration = TimeSpan.FromSeconds(ReadDecimal(parsed, _duration, 0.001, 1_000_000, 5, problems)),
            Warmup = TimeSpan.FromSeconds(ReadDecimal(parsed, _warmup, 0, 1_000_000, 1, problems)),
            Clients = clients,
            Subscribers = ReadCount(parsed, _subscribers, scenario.Subscribers, scenario.Name, problems),
            Stalled = ReadCount(parsed, _stalled, scenario.Stalled, scenario.Name, problems),
            Count = ReadCount(parsed, _count, scenario.Count, scenario.Name, problems),
            BrokerPid = parsed.GetValue(_pid) is null ? null : (int)ToolOption.ReadNumber(parsed, _pid, 1, PidMax, 1, problems),
            IsJson = parsed.GetValue(_json),
        };
        return problems.Count == 0 ? settings : throw new UsageFailure(problems);
    }

    private static async Task<int> RunAsync(BenchSettings settings, ToolContext context)
    {
        if (!OperatingSystem.IsLinux())
            throw new CommandFailure(ExitCode.Failed, "bench needs Linux: its event loop is made of epoll");

        // One thread for everything; it waits in the kernel, so it is not one of the pool's.
        var report = await Task.Factory.StartNew(
            () =>
            {
                using var run = new BenchRun(settings, context);
                return run.Execute();
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default).ConfigureAwait(false);

        using var output = context.Output();
        output.Write(settings.IsJson ? JsonSerializer.Serialize(report, BenchJson.Default.BenchReport) + "\n" : BenchText.Of(report));
        output.Flush();
        return (int)Outcome(report);
    }

    /// <summary>QoS 0 may lose messages; nothing may come twice or in another order here, where no connection is made again.</summary>
    private static ExitCode Outcome(BenchReport report)
    {
        if (report.Ended != "completed")
            return ExitCode.Interrupted;
        var checks = report.Checks;
        bool isSound = checks.Duplicated == 0 && checks.Reordered == 0 && checks.Foreign == 0 && checks.Disconnected == 0
            && (checks.Lost == 0 || report.Settings.Qos == 0) && checks.Unacknowledged == 0;
        return isSound ? ExitCode.Ok : ExitCode.Failed;
    }

    private BrokerUrl ReadTarget(ParseResult parsed, List<string> problems)
    {
        string? host = parsed.GetValue(_host);
        string? port = parsed.GetValue(_port);
        if (parsed.GetValue(_url) is { } text)
        {
            if (host is not null || port is not null)
                problems.Add("-L says where the broker is; leave -h and -p out");
            if (BrokerUrl.TryParse(text, out string wrong) is { } url)
            {
                if (url.Addresses is not [{ IsSecure: false, IsWebSocket: false }])
                    problems.Add($"-L '{text}': bench loads one broker, by mqtt:// or unix://");
                return url;
            }

            problems.Add($"-L {wrong}");
        }

        int? number = ClientOptions.ReadPort(port, problems);
        if (host is { Length: 0 })
            problems.Add("-h must not be empty");
        return new BrokerUrl([BrokerUrl.Of(host, number, isWebSocket: false, isSecure: false)], null, null, null);
    }

    private QoS ReadQoS(ParseResult parsed, Scenario scenario, List<string> problems)
    {
        var qos = (QoS)ToolOption.ReadNumber(parsed, _qos, 0, 2, (int)scenario.QoSMin, problems);
        if (qos < scenario.QoSMin)
            problems.Add($"{scenario.Name} must know what the broker has taken: --qos 1 or 2");
        return qos;
    }

    private ProtocolVersion ReadVersion(ParseResult parsed, List<string> problems)
    {
        switch (parsed.GetValue(_version))
        {
            case null or "5" or "5.0" or "mqttv5":
                return ProtocolVersion.Mqtt50;
            case "3.1.1" or "311" or "mqttv311":
                return ProtocolVersion.Mqtt311;
            case var other:
                problems.Add($"--version must be 3.1.1 or 5, not '{other}'");
                return ProtocolVersion.Mqtt50;
        }
    }

    private IReadOnlyList<IPAddress> ReadSources(ParseResult parsed, List<string> problems)
    {
        if (parsed.GetValue(_sources) is not { } text)
            return [];
        string[] ends = text.Split('-');
        if (ends.Length <= 2 && IPAddress.TryParse(ends[0], out var first) && IPAddress.TryParse(ends[^1], out var last))
        {
            if (first.Equals(last))
                return [first];
            if (first.AddressFamily == AddressFamily.InterNetwork && last.AddressFamily == AddressFamily.InterNetwork)
            {
                uint from = Number(first);
                uint to = Number(last);
                if (from <= to && to - from < 65_536)
                    return [.. Enumerable.Range(0, (int)(to - from) + 1).Select(i => Address(from + (uint)i))];
            }
        }

        problems.Add($"--sources must be an address or two such as 127.0.0.1-127.0.0.9, not '{text}'");
        return [];
    }

    private static uint Number(IPAddress address) => System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(address.GetAddressBytes());

    private static IPAddress Address(uint number)
    {
        byte[] bytes = new byte[4];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(bytes, number);
        return new IPAddress(bytes);
    }

    private static int ReadCount(ParseResult parsed, Option<string> option, int? otherwise, string scenario, List<string> problems)
    {
        if (otherwise is { } usual)
            return (int)ToolOption.ReadNumber(parsed, option, Math.Min(usual, 1), 100_000_000, usual, problems);
        if (parsed.GetValue(option) is not null)
            problems.Add($"{scenario} has no {option.Name}");
        return 0;
    }

    private static double ReadDecimal(ParseResult parsed, Option<string> option, double min, double max, double otherwise, List<string> problems)
    {
        if (parsed.GetValue(option) is not { } text)
            return otherwise;
        if (double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double number) && number >= min && number <= max)
            return number;
        problems.Add(string.Create(CultureInfo.InvariantCulture, $"{option.Name} must be a number from {min} to {max}, not '{text}'"));
        return otherwise;
    }
}
