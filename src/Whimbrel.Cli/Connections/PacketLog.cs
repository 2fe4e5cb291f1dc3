using Microsoft.Extensions.Logging;
using Whimbrel.Cli.Messages;

namespace Whimbrel.Cli.Connections;

/// <summary>What <c>-d</c> shows: everything that the client logs, packets included, as lines.</summary>
internal sealed class PacketLog(Action<string> write) : ILoggerFactory, ILogger
{
    public void Write(string line) => write(line);

    public ILogger CreateLogger(string categoryName) => this;

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException("The lines go to one place.");

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        write(Escaped.Text(formatter(state, exception)));

    public void Dispose()
    {
    }
}
