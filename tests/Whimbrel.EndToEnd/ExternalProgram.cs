using System.Diagnostics;
using System.Threading.Channels;

namespace Whimbrel.EndToEnd;

/// <summary>A program that is not ours, run as its user would run it.</summary>
internal sealed class ExternalProgram : IAsyncDisposable
{
    /// <summary>An end for every wait; no test expects to come near it.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(90);

    private readonly Process _process;
    private readonly Channel<string> _lines = Channel.CreateUnbounded<string>();
    private readonly Task<string> _errors;
    private readonly Task _reading;

    private ExternalProgram(Process process)
    {
        _process = process;
        _errors = process.StandardError.ReadToEndAsync();
        _reading = ReadAsync();
    }

    public int Id => _process.Id;

    /// <summary>Starts a program; the test is skipped, by name, where it is not installed. CI installs it, so there that is a failure.</summary>
    public static ExternalProgram Start(string file, params string[] arguments)
    {
        string? path = Find(file);
        if (path is null && Environment.GetEnvironmentVariable("CI") is null)
            Assert.Skip($"{file} is not installed");
        Assert.True(path is not null, $"{file} is not installed");
        var start = new ProcessStartInfo(path, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        return new ExternalProgram(Process.Start(start)!);
    }

    /// <summary>Runs to the end and asserts success.</summary>
    public static async Task RunAsync(string file, params string[] arguments)
    {
        await using ExternalProgram program = Start(file, arguments);
        await program.AssertSuccessAsync();
    }

    /// <summary>Runs with lines on its standard input to the end and asserts success.</summary>
    public static async Task FeedAsync(IEnumerable<string> lines, string file, params string[] arguments)
    {
        await using ExternalProgram program = Start(file, arguments);
        foreach (string line in lines)
            await program._process.StandardInput.WriteLineAsync(line);
        program._process.StandardInput.Close();
        await program.AssertSuccessAsync();
    }

    public async Task<string> ReadLineAsync()
    {
        using var limit = new CancellationTokenSource(Limit);
        try
        {
            return await _lines.Reader.ReadAsync(limit.Token);
        }
        catch (Exception e) when (e is ChannelClosedException or OperationCanceledException)
        {
            Kill();
            Assert.Fail($"{_process.StartInfo.FileName} printed no further line: {await _errors}");
            throw;
        }
    }

    public async Task<List<string>> ReadLinesAsync(int count)
    {
        var lines = new List<string>(count);
        while (lines.Count < count)
            lines.Add(await ReadLineAsync());
        return lines;
    }

    /// <summary>The next lines of several programs together, however they are spread over them.</summary>
    public static async Task<List<(ExternalProgram Program, string Line)>> ReadLinesAsync(int count, params ExternalProgram[] programs)
    {
        using var limit = new CancellationTokenSource(Limit);
        var lines = new List<(ExternalProgram, string)>(count);
        while (lines.Count < count)
        {
            await Task.WhenAny(programs.Select(program => program._lines.Reader.WaitToReadAsync(limit.Token).AsTask()));
            limit.Token.ThrowIfCancellationRequested();
            foreach (ExternalProgram program in programs)
            {
                while (lines.Count < count && program._lines.Reader.TryRead(out string? line))
                    lines.Add((program, line));
            }
        }

        return lines;
    }

    public async Task AssertSuccessAsync()
    {
        using var limit = new CancellationTokenSource(Limit);
        await _process.WaitForExitAsync(limit.Token);
        Assert.True(_process.ExitCode == 0, $"{_process.StartInfo.FileName} {string.Join(' ', _process.StartInfo.ArgumentList)} ended with {_process.ExitCode}: {await _errors}");
    }

    /// <summary>SIGTERM, and waits for the end.</summary>
    public async Task StopAsync()
    {
        using var limit = new CancellationTokenSource(Limit);
        using var kill = Process.Start("kill", ["-TERM", $"{_process.Id}"]);
        await _process.WaitForExitAsync(limit.Token);
    }

    /// <summary>SIGKILL: no goodbye.</summary>
    public void Kill() => _process.Kill(entireProcessTree: true);

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
            Kill();
        await _reading;
        _process.Dispose();
    }

    private static string? Find(string file)
    {
        string[] folders = [.. (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator), "/usr/sbin"];
        return Path.IsPathRooted(file) ? (File.Exists(file) ? file : null) : folders.Select(folder => Path.Combine(folder, file)).FirstOrDefault(File.Exists);
    }

    private async Task ReadAsync()
    {
        while (await _process.StandardOutput.ReadLineAsync() is { } line)
            _lines.Writer.TryWrite(line);
        _lines.Writer.Complete();
    }
}
