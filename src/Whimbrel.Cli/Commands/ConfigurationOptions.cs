using System.CommandLine;
using Whimbrel.Server;

namespace Whimbrel.Cli.Commands;

/// <summary>The options that say how the broker is configured: <c>serve</c> and <c>config show</c> have them.</summary>
internal sealed class ConfigurationOptions
{
    private readonly Option<string> _file = ToolOption.Value(
        "--config", "FILE", "Configuration: JSON with comments and trailing commas.");
    private readonly Option<string[]> _listen = ToolOption.Values(
        "--listen", "URI", "Listen there: mqtt://HOST:PORT (* for every address) or unix:///PATH. Repeatable.");
    private readonly Option<string> _links = ToolOption.Value("--links", "KIND", "What carries connections: auto, eventLoop or pipes.");
    private readonly Option<string> _eventLoops = ToolOption.Value(
        "--event-loops", "COUNT", "Event loop threads; 0 leaves it to the broker.");
    private readonly Option<string> _data = ToolOption.Value(
        "--data", "DIR", "Keep sessions, queues and retained messages there.");
    private readonly Option<bool> _inMemory = ToolOption.Flag("--in-memory", "Keep everything in memory only: it ends with the process.");
    private readonly Option<string> _logLevel = ToolOption.Value("--log-level", "LEVEL", "trace, debug, info, warning, error or none.");

    public void AddTo(Command command)
    {
        foreach (Option option in new Option[] { _listen, _data, _inMemory, _file, _links, _eventLoops, _logLevel })
            command.Add(option);
    }

    /// <summary>Environment, then file, then options: the last wins.</summary>
    public LoadedConfiguration Load(ParseResult parsed, ToolContext context)
    {
        var loader = new ConfigurationLoader();
        loader.AddEnvironment(context.Environment.OrderBy(v => v.Key, StringComparer.Ordinal));
        if (parsed.GetValue(_file) is { } file)
            loader.AddFile(file);
        if (parsed.GetValue(_listen) is { Length: > 0 } listen)
            loader.AddOption(_listen.Name, Settings.Listen, listen);
        if (parsed.GetValue(_links) is { } links)
            loader.AddOption(_links.Name, Settings.Links, links);
        if (parsed.GetValue(_eventLoops) is { } eventLoops)
            loader.AddOption(_eventLoops.Name, Settings.EventLoops, eventLoops);
        if (parsed.GetValue(_data) is { } data)
            loader.AddOption(_data.Name, Settings.DataDirectory, data);
        if (parsed.GetValue(_inMemory))
            loader.AddOption(_inMemory.Name, Settings.DataStore, "memory");
        if (parsed.GetValue(_logLevel) is { } logLevel)
            loader.AddOption(_logLevel.Name, Settings.LogLevelKey, logLevel);
        return loader.Load();
    }

    /// <summary>Writes every problem, one per line.</summary>
    /// <returns>Whether there were none.</returns>
    public static bool IsAcceptable(LoadedConfiguration loaded, ToolContext context)
    {
        foreach (var problem in loaded.Problems)
            context.Error.WriteLine(problem);
        context.Error.Flush();
        return loaded.IsAcceptable;
    }
}
