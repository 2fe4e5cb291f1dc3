using System.CommandLine;
using System.Globalization;
using System.Text;
using Whimbrel.Cli.Connections;
using Whimbrel.Cli.Messages;
using Whimbrel.Client;
using Whimbrel.Protocol;

namespace Whimbrel.Cli.Commands;

/// <summary>What <c>whimbrel sub</c> is to do.</summary>
internal sealed record SubSettings(ClientSettings Client, IReadOnlyList<string> Filters, MessageFormat Format)
{
    /// <summary>Ends after so many messages; 0 never.</summary>
    public long Count { get; init; }

    /// <summary>Ends after so long; null never.</summary>
    public TimeSpan? Timeout { get; init; }

    public bool EndOfLine { get; init; } = true;

    public bool IgnoreRetained { get; init; }

    public bool RetainedOnly { get; init; }

    public bool RemoveRetained { get; init; }

    /// <summary>Ends when the subscriptions have been acknowledged.</summary>
    public bool ExitAfterSubscribing { get; init; }

    /// <summary>Topics that match one of these are not shown; in UTF-8.</summary>
    public IReadOnlyList<byte[]> FilterOut { get; init; } = [];

    public IReadOnlyList<string> Unsubscribe { get; init; } = [];

    public MqttSubscribeOptions Options { get; init; } = new();
}

/// <summary><c>whimbrel sub</c>: the options and their meaning.</summary>
internal sealed class SubCommand : Command
{
    private readonly ClientOptions _client = new();
    private readonly Argument<string[]> _positional = new("filters")
    {
        HelpName = "FILTER",
        Description = "Topic filters, such as sensors/+/temperature; -t says the same.",
        Arity = ArgumentArity.ZeroOrMore,
    };

    private readonly Option<string[]> _topics = ToolOption.Values(
        "--topic", "FILTER", "Topic filter to subscribe to. Repeatable.", "-t");
    private readonly Option<bool> _verbose = ToolOption.Flag("--verbose", "Print the topic before the payload.", "-v");
    private readonly Option<string> _count = ToolOption.Value("--count", "COUNT", "Exit after so many messages.", "-C");
    private readonly Option<string> _timeout = ToolOption.Value(
        "--timeout", "SECONDS", "Exit after so many seconds, with code 5.", "-W");
    private readonly Option<string> _format = ToolOption.Value(
        "--format", "FORMAT", "Print as this says: %t topic, %p payload, %x hex, %q QoS, %r retained, %l length, %j JSON, %I time, @H:@M strftime ...", "-F");
    private readonly Option<bool> _json = ToolOption.Flag("--json", "Print one JSON object per line.");
    private readonly Option<bool> _pretty = ToolOption.Flag("--pretty", "Indent JSON.");
    private readonly Option<bool> _noEndOfLine = ToolOption.Flag("--no-eol", "No end of line after each message.", "-N");
    private readonly Option<bool> _noRetained = ToolOption.Flag("--no-retained", "Do not print retained messages.", "-R");
    private readonly Option<bool> _retainedOnly = ToolOption.Flag(
        "--retained-only", "Print retained messages only, and exit at the first other one.");
    private readonly Option<bool> _removeRetained = ToolOption.Flag(
        "--remove-retained", "Remove from the broker the retained messages that are printed.");
    private readonly Option<string> _retainHandling = ToolOption.Value(
        "--retain-handling", "WHEN", "When the broker sends retained messages (5.0): always, new or never.");
    private readonly Option<bool> _retainAsPublished = ToolOption.Flag(
        "--retain-as-published", "Keep the retain flag as it was published (5.0).");
    private readonly Option<bool> _noLocal = ToolOption.Flag(
        "--no-local", "Not the messages that this client identifier publishes (5.0).");
    private readonly Option<string[]> _filterOut = ToolOption.Values(
        "--filter-out", "FILTER", "Do not print topics that match. Repeatable.", "-T");
    private readonly Option<string[]> _unsubscribe = ToolOption.Values(
        "--unsubscribe", "FILTER", "Unsubscribe from this filter first; for sessions that were kept. Repeatable.", "-U");
    private readonly Option<bool> _exit = ToolOption.Flag(
        "--exit-after-subscribing", "Exit when the broker has acknowledged the subscriptions.", "-E");

    public SubCommand(ToolContext context)
        : base("sub", "Subscribe and print messages.")
    {
        Add(_positional);
        Option[] options =
        [
            _topics, _verbose, _count, _timeout, _format, _json, _pretty, _noEndOfLine, _noRetained, _retainedOnly, _removeRetained,
            _retainHandling, _retainAsPublished, _noLocal, _filterOut, _unsubscribe, _exit,
        ];
        foreach (var option in options)
            Add(option);
        _client.AddTo(this);
        SetAction((parsed, _) =>
        {
            var settings = Read(parsed, context);
            return ClientRun.RunAsync(settings.Client, context, async () =>
            {
                await using var subscribing = new Subscribing(settings, context);
                return await subscribing.RunAsync().ConfigureAwait(false);
            });
        });
    }

    /// <exception cref="UsageFailure">The options do not go together.</exception>
    public SubSettings Read(ParseResult parsed, ToolContext context)
    {
        var problems = new List<string>();
        var client = _client.Read(parsed, context, problems);
        var filters = (parsed.GetValue(_topics) ?? []).Concat(parsed.GetValue(_positional) ?? []).ToList();
        if (client.UrlTopic is not null)
            filters.Add(client.UrlTopic);
        var unsubscribe = parsed.GetValue(_unsubscribe) ?? [];
        var filterOut = parsed.GetValue(_filterOut) ?? [];
        if (filters.Count == 0 && unsubscribe.Length == 0)
            problems.Add("which topics? whimbrel sub FILTER..., such as 'sensors/#'");
        CheckFilters(filters, "", problems);
        CheckFilters(unsubscribe, "-U ", problems);
        CheckFilters(filterOut, "-T ", problems);

        var handling = ReadRetainHandling(parsed, problems);
        bool retainAsPublished = parsed.GetValue(_retainAsPublished);
        bool noLocal = parsed.GetValue(_noLocal);
        if (client.Options.ProtocolVersion is MqttProtocolVersion.Mqtt31 or MqttProtocolVersion.Mqtt311 && (handling != RetainHandling.SendOnSubscribe || retainAsPublished || noLocal))
            problems.Add("--retain-handling, --retain-as-published and --no-local need MQTT 5.0: leave -V out");
        if (parsed.GetValue(_noRetained) && parsed.GetValue(_retainedOnly))
            problems.Add("-R and --retained-only leave nothing to print");

        var settings = new SubSettings(client, filters, ReadFormat(parsed, problems))
        {
            Count = ToolOption.ReadNumber(parsed, _count, 1, long.MaxValue, 0, problems),
            Timeout = ReadTimeout(parsed, problems),
            EndOfLine = !parsed.GetValue(_noEndOfLine),
            IgnoreRetained = parsed.GetValue(_noRetained),
            RetainedOnly = parsed.GetValue(_retainedOnly),
            RemoveRetained = parsed.GetValue(_removeRetained),
            ExitAfterSubscribing = parsed.GetValue(_exit),
            FilterOut = [.. filterOut.Select(Encoding.UTF8.GetBytes)],
            Unsubscribe = unsubscribe,
            Options = new MqttSubscribeOptions
            {
                QoS = client.QoS,
                NoLocal = noLocal,
                RetainAsPublished = retainAsPublished,
                RetainHandling = handling,
                Identifier = client.Properties[PropertyScope.Subscribe].Number(PropertyId.SubscriptionIdentifier),
                UserProperties = client.Properties[PropertyScope.Subscribe].UserProperties,
                IsLiteral = true,
                TakesUnclaimed = true,
                AckMode = MqttAckMode.Manual,
                WhenFull = MqttQueueFull.Wait,
            },
        };
        return problems.Count == 0 ? settings : throw new UsageFailure(problems);
    }

    private static void CheckFilters(IEnumerable<string> filters, string option, List<string> problems)
    {
        foreach (string filter in filters)
        {
            if (!TopicFilter.TryParse(Encoding.UTF8.GetBytes(filter), out _))
                problems.Add($"{option}'{filter}' is not a topic filter: + and # stand alone between slashes, and # comes last");
        }
    }

    private MessageFormat ReadFormat(ParseResult parsed, List<string> problems)
    {
        string? format = parsed.GetValue(_format);
        bool isJson = parsed.GetValue(_json);
        bool isVerbose = parsed.GetValue(_verbose);
        if ((format is not null && isJson) || (isVerbose && (format is not null || isJson)))
            problems.Add("-F, --json and -v are different formats; say one");
        string text = format ?? (isJson ? "%j" : isVerbose ? "%t %p" : "%p");
        try
        {
            return MessageFormat.Parse(text, parsed.GetValue(_pretty));
        }
        catch (FormatException e)
        {
            problems.Add($"-F: {e.Message}");
            return MessageFormat.Parse("%p");
        }
    }

    private TimeSpan? ReadTimeout(ParseResult parsed, List<string> problems)
    {
        if (parsed.GetValue(_timeout) is not { } text)
            return null;
        if (double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double seconds) && seconds is > 0 and <= 1_000_000)
            return TimeSpan.FromSeconds(seconds);
        problems.Add($"-W must be a number of seconds above 0, not '{text}'");
        return null;
    }

    private RetainHandling ReadRetainHandling(ParseResult parsed, List<string> problems)
    {
        switch (parsed.GetValue(_retainHandling))
        {
            case null or "always" or "0":
                return RetainHandling.SendOnSubscribe;
            case "new" or "1":
                return RetainHandling.SendIfNew;
            case "never" or "2":
                return RetainHandling.DoNotSend;
            case var other:
                problems.Add($"--retain-handling must be always, new or never, not '{other}'");
                return RetainHandling.SendOnSubscribe;
        }
    }
}
