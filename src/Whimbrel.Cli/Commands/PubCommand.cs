using System.CommandLine;
using System.Globalization;
using System.Text;
using Whimbrel.Cli.Connections;
using Whimbrel.Protocol;

namespace Whimbrel.Cli.Commands;

/// <summary>Where the payload comes from.</summary>
internal enum PayloadSource
{
    Text,
    File,
    StandardInput,
    Lines,
    Empty,
}

/// <summary>What <c>whimbrel pub</c> is to do.</summary>
internal sealed record PubSettings(ClientSettings Client, string Topic, PayloadSource Source, string Text)
{
    public bool Retain { get; init; }

    /// <summary>How often the one message is published.</summary>
    public int Repeat { get; init; } = 1;

    public TimeSpan RepeatDelay { get; init; }
}

/// <summary><c>whimbrel pub</c>: the options and their meaning.</summary>
internal sealed class PubCommand : Command
{
    private readonly ClientOptions _client = new();
    private readonly Argument<string[]> _positional = new("words")
    {
        HelpName = "TOPIC [PAYLOAD]",
        Description = "Instead of -t and -m.",
        Arity = new ArgumentArity(0, 2),
    };

    private readonly Option<string> _topic = ToolOption.Value("--topic", "TOPIC", "Topic to publish to.", "-t");
    private readonly Option<string> _message = ToolOption.Value("--message", "TEXT", "Payload.", "-m");
    private readonly Option<string> _file = ToolOption.Value("--file", "FILE", "Payload from a file; - is standard input.", "-f");
    private readonly Option<bool> _lines = ToolOption.Flag("--stdin-line", "One message per line of standard input.", "-l");
    private readonly Option<bool> _stdin = ToolOption.Flag("--stdin-file", "One message with all of standard input.", "-s");
    private readonly Option<bool> _null = ToolOption.Flag("--null-message", "Empty payload.", "-n");
    private readonly Option<bool> _retain = ToolOption.Flag("--retain", "Have the broker keep the message for later subscribers.", "-r");
    private readonly Option<string> _repeat = ToolOption.Value("--repeat", "COUNT", "Publish the message so many times.");
    private readonly Option<string> _repeatDelay = ToolOption.Value("--repeat-delay", "SECONDS", "Wait between the repetitions.");

    public PubCommand(ToolContext context)
        : base("pub", "Publish a message.")
    {
        Add(_positional);
        foreach (Option option in new Option[] { _topic, _message, _file, _lines, _stdin, _null, _retain, _repeat, _repeatDelay })
            Add(option);
        _client.AddTo(this);
        SetAction((parsed, _) =>
        {
            var settings = Read(parsed, context);
            return ClientRun.RunAsync(settings.Client, context, async () =>
            {
                await using var publishing = new Publishing(settings, context);
                return await publishing.RunAsync().ConfigureAwait(false);
            });
        });
    }

    /// <exception cref="UsageFailure">The options do not go together.</exception>
    public PubSettings Read(ParseResult parsed, ToolContext context)
    {
        var problems = new List<string>();
        var client = _client.Read(parsed, context, problems);
        var words = new Queue<string>(parsed.GetValue(_positional) ?? []);

        string? topic = parsed.GetValue(_topic) ?? client.UrlTopic ?? (words.TryDequeue(out string? word) ? word : null);
        if (topic is null)
            problems.Add("which topic? whimbrel pub TOPIC PAYLOAD, or -t TOPIC");
        else if (!TopicName.IsValid(Encoding.UTF8.GetBytes(topic)))
            problems.Add(topic.AsSpan().ContainsAny('+', '#')
                ? $"'{topic}' has wildcards: a message is published to one topic"
                : "the topic must have 1 to 65535 bytes and no zero character");

        var (source, text) = ReadSource(parsed, words, problems);
        int repeat = (int)ToolOption.ReadNumber(parsed, _repeat, 1, int.MaxValue, 1, problems);
        if (source == PayloadSource.Lines && parsed.GetValue(_repeat) is not null)
            problems.Add("--repeat repeats one message; leave it or -l out");

        var settings = new PubSettings(client, topic ?? "", source, text)
        {
            Retain = parsed.GetValue(_retain),
            Repeat = repeat,
            RepeatDelay = ReadDelay(parsed, problems),
        };
        return problems.Count == 0 ? settings : throw new UsageFailure(problems);
    }

    private (PayloadSource Source, string Text) ReadSource(ParseResult parsed, Queue<string> words, List<string> problems)
    {
        var given = new List<(string Name, PayloadSource Source, string Text)>();
        if (parsed.GetValue(_message) is { } message)
            given.Add(("-m", PayloadSource.Text, message));
        if (parsed.GetValue(_file) is { } file)
            given.Add(("-f", file == "-" ? PayloadSource.StandardInput : PayloadSource.File, file));
        if (parsed.GetValue(_lines))
            given.Add(("-l", PayloadSource.Lines, ""));
        if (parsed.GetValue(_stdin))
            given.Add(("-s", PayloadSource.StandardInput, ""));
        if (parsed.GetValue(_null))
            given.Add(("-n", PayloadSource.Empty, ""));
        while (words.TryDequeue(out string? word))
            given.Add(($"'{word}'", PayloadSource.Text, word));

        if (given.Count == 1)
            return (given[0].Source, given[0].Text);
        problems.Add(given.Count == 0
            ? "which payload? whimbrel pub TOPIC PAYLOAD, -m TEXT, -f FILE, -s, -l, or -n for an empty one"
            : $"{string.Join(" and ", given.Select(g => g.Name))} are several payloads; say one");
        return (PayloadSource.Empty, "");
    }

    private TimeSpan ReadDelay(ParseResult parsed, List<string> problems)
    {
        if (parsed.GetValue(_repeatDelay) is not { } text)
            return TimeSpan.Zero;
        if (double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double seconds) && seconds <= 1_000_000)
            return TimeSpan.FromSeconds(seconds);
        problems.Add($"--repeat-delay must be a number of seconds, not '{text}'");
        return TimeSpan.Zero;
    }
}
