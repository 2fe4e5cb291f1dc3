using System.Text;
using Whimbrel.Cli.Commands;
using Whimbrel.Cli.Messages;

namespace Whimbrel.Cli.Tests;

/// <summary>One run of the tool inside the test process, with streams that can be waited for.</summary>
internal sealed class ToolWorld : IDisposable
{
    private readonly WatchedStream _output = new();
    private readonly WatchedWriter _error = new();
    private readonly CancellationTokenSource _interrupted = new();

    public string Input { get; init; } = "";

    /// <summary>Stands in for <see cref="Input"/> where a test writes while the tool reads.</summary>
    public Stream? InputStream { get; init; }

    public bool IsErrorTerminal { get; init; }

    public Dictionary<string, string> Environment { get; } = [];

    public string Output => _output.Text;

    public string Error => _error.Text;

    public ToolContext Context => new()
    {
        Input = () => InputStream ?? new MemoryStream(Encoding.UTF8.GetBytes(Input)),
        Output = () => new StandardOutput(_output),
        Error = _error,
        IsErrorTerminal = IsErrorTerminal,
        Environment = Environment,
        Interrupted = _interrupted.Token,
    };

    public Task<int> RunAsync(params string[] arguments) => Task.Run(() => Tool.RunAsync(arguments, Context));

    public void Interrupt() => _interrupted.Cancel();

    public void Dispose()
    {
        _interrupted.Dispose();
        _output.Dispose();
        _error.Dispose();
    }

    /// <summary>Completes when standard error contains the text.</summary>
    public Task SaysAsync(string text) => _error.Watch.ContainsAsync(text);

    /// <summary>Completes when standard output contains the text.</summary>
    public Task PrintsAsync(string text) => _output.Watch.ContainsAsync(text);

    /// <summary>Text that grows and can be waited for.</summary>
    private sealed class WatchedText
    {
        private readonly Lock _lock = new();
        private readonly StringBuilder _text = new();
        private readonly List<(string Wanted, TaskCompletionSource Found)> _waiting = [];

        public void Append(string text)
        {
            lock (_lock)
            {
                _text.Append(text);
                if (_waiting.Count == 0)
                    return;
                string all = _text.ToString();
                foreach (var (_, found) in _waiting.Where(w => all.Contains(w.Wanted, StringComparison.Ordinal)))
                    found.SetResult();
                _waiting.RemoveAll(w => w.Found.Task.IsCompleted);
            }
        }

        public Task ContainsAsync(string wanted)
        {
            lock (_lock)
            {
                if (_text.ToString().Contains(wanted, StringComparison.Ordinal))
                    return Task.CompletedTask;
                var found = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                _waiting.Add((wanted, found));
                return found.Task;
            }
        }

        public override string ToString()
        {
            lock (_lock)
                return _text.ToString();
        }
    }

    private sealed class WatchedWriter : TextWriter
    {
        public WatchedText Watch { get; } = new();

        public string Text => Watch.ToString();

        public override Encoding Encoding => Encoding.UTF8;

        public override void Write(char value) => Watch.Append(value.ToString());

        public override void Write(string? value) => Watch.Append(value ?? "");

        public override void WriteLine(string? value) => Watch.Append(value + "\n");

        public override Task WriteLineAsync(string? value)
        {
            WriteLine(value);
            return Task.CompletedTask;
        }
    }

    /// <summary>Goes on after it was closed: a run may be followed by another.</summary>
    private sealed class WatchedStream : MemoryStream
    {
        public WatchedText Watch { get; } = new();

        public string Text => Watch.ToString();

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override void Write(ReadOnlySpan<byte> buffer) => Watch.Append(Encoding.UTF8.GetString(buffer));
    }
}
