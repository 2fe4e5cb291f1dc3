using System.Diagnostics;

namespace Whimbrel.Crash.Brokers;

/// <summary>One life of a broker, from its start to SIGKILL.</summary>
internal sealed class BrokerProcess : IDisposable
{
    private readonly Process _process;
    private readonly TaskCompletionSource<bool> _listening = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Queue<string> _said = [];
    private readonly Task _reading;

    private BrokerProcess(Process process, string listeningWords)
    {
        _process = process;
        _reading = Task.WhenAll(ReadAsync(process.StandardError, listeningWords), ReadAsync(process.StandardOutput, listeningWords));
        _ = _reading.ContinueWith(_ => _listening.TrySetResult(false), TaskScheduler.Default);
    }

    /// <summary>True when it listens, false when it ended before.</summary>
    public Task<bool> Listening => _listening.Task;

    public int Id => _process.Id;

    /// <summary>It has ended by itself, or is about to.</summary>
    public bool HasEnded => _process.HasExited;

    public int ExitCode => _process.ExitCode;

    /// <summary>The last lines that it printed.</summary>
    public string Said
    {
        get
        {
            lock (_said)
                return string.Join('\n', _said);
        }
    }

    public static BrokerProcess Start(BrokerKind kind, int port, string directory)
    {
        var start = new ProcessStartInfo(kind.Program!, kind.Arguments(port, directory))
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (string name in start.Environment.Keys.Where(k => k.StartsWith("WHIMBREL", StringComparison.Ordinal)).ToList())
            start.Environment.Remove(name);
        return new BrokerProcess(Process.Start(start)!, kind.ListeningWords);
    }

    /// <summary>SIGKILL: no goodbye, and none of its memory left. It has no children.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
        await _reading;
    }

    public void Dispose() => _process.Dispose();

    private async Task ReadAsync(StreamReader reader, string listeningWords)
    {
        while (await reader.ReadLineAsync() is { } line)
        {
            lock (_said)
            {
                if (_said.Count == 100)
                    _said.Dequeue();
                _said.Enqueue(line);
            }

            if (line.Contains(listeningWords, StringComparison.Ordinal))
                _listening.TrySetResult(true);
        }
    }
}
