using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;

namespace Whimbrel.Cli.Tests;

/// <summary>The built executable as a process: exit codes, streams, signals.</summary>
public class ProcessTests
{
    [Fact]
    public async Task Serve_says_where_it_listens_and_how_to_be_reached_and_ends_with_0_on_SIGTERM()
    {
        using var serve = Start("serve", "--in-memory", "--listen", "mqtt://127.0.0.1:0");
        string line = await NextLineAsync(serve.StandardError, "listening on mqtt://127.0.0.1:");
        Assert.Contains("this machine only; to reach it from other devices: --listen", line, StringComparison.Ordinal);
        string port = PortIn(line);

        var (subCode, subOutput, subError) = await RunAsync("sub", "-p", port, "-W", "0.2", "nothing");
        Assert.Equal((5, "", ""), (subCode, subOutput, subError));

        // A client that stays does not hold the broker up.
        using var staying = Start("sub", "-d", "-p", port, "x");
        await NextLineAsync(staying.StandardError, "subscribed to");
        Signal(serve, "TERM");
        Assert.Equal((0, ""), (await ExitAsync(serve), await serve.StandardOutput.ReadToEndAsync()));
        await NextLineAsync(staying.StandardError, "Server shutting down (0x8B)");
        Signal(staying, "TERM");
        Assert.Equal(130, await ExitAsync(staying));
    }

    [Fact]
    public async Task Serve_ends_with_0_on_SIGINT_and_removes_its_socket_file()
    {
        string path = Path.Combine(Path.GetTempPath(), $"w-{Guid.NewGuid():N}.sock");
        using var serve = Start("serve", "--in-memory", "--listen", $"unix://{path}");
        await NextLineAsync(serve.StandardError, "listening on unix://");
        Assert.Equal(0, (await RunAsync("pub", "--unix", path, "-q", "1", "a", "b")).Code);
        Signal(serve, "INT");
        Assert.Equal(0, await ExitAsync(serve));
        Assert.False(File.Exists(path));
    }

    [Fact]
    public async Task A_taken_port_is_1_and_one_clear_line()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        int port = ((IPEndPoint)taken.LocalEndpoint).Port;
        var (code, output, error) = await RunAsync("serve", "--in-memory", "--listen", $"mqtt://127.0.0.1:{port}");
        Assert.Equal((1, "", $"whimbrel: cannot listen on mqtt://127.0.0.1:{port}: address already in use\n"), (code, output, error));
    }

    [Fact]
    public async Task A_wrong_configuration_is_2_and_every_problem_has_its_line()
    {
        using var file = new TemporaryFile("{\n  \"lisen\": [],\n  \"eventLoops\": -1\n}\n");
        string expected = $"{file.Path}:2:3: lisen: unknown key; did you mean listen?\n{file.Path}:3:17: eventLoops: must be a whole number from 0 to 1,024, not -1\n";
        Assert.Equal((2, "", expected), await RunAsync("serve", "--config", file.Path));
        Assert.Equal((2, "", expected), await RunAsync("config", "check", file.Path));
        Assert.Equal((2, "", expected), await RunAsync("config", "show", "--config", file.Path));
    }

    [Fact]
    public async Task A_good_configuration_is_0_and_one_line()
    {
        using var file = new TemporaryFile("{ \"links\": \"pipes\", } // good");
        Assert.Equal((0, $"ok: {file.Path}\n", ""), await RunAsync("config", "check", file.Path));
    }

    [Fact]
    public async Task Config_show_prints_what_is_in_force_and_the_table_says_why()
    {
        using var file = new TemporaryFile("{ \"links\": \"pipes\", \"eventLoops\": 2 }");
        var (code, output, _) = await RunAsync(["config", "show", "--config", file.Path, "--event-loops", "3"], ("WHIMBREL__LOG__LEVEL", "debug"));
        using var document = System.Text.Json.JsonDocument.Parse(output);
        Assert.Equal((0, "pipes", 3), (code, document.RootElement.GetProperty("links").GetString(), document.RootElement.GetProperty("eventLoops").GetInt32()));
        Assert.Equal("debug", document.RootElement.GetProperty("log").GetProperty("level").GetString());

        var (_, table, _) = await RunAsync(["config", "show", "--table", "--config", file.Path, "--event-loops", "3"], ("WHIMBREL__LOG__LEVEL", "debug"));
        var rows = table.Split('\n').Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)).ToList();
        Assert.Contains(rows, r => r is ["links", "\"pipes\"", _] && r[2] == $"{file.Path}:1");
        Assert.Contains(rows, r => r is ["eventLoops", "3", "--event-loops"]);
        Assert.Contains(rows, r => r is ["log.level", "\"debug\"", "WHIMBREL__LOG__LEVEL"]);
    }

    [Fact]
    public async Task An_unknown_variable_is_2() => Assert.Equal(
        (2, "", "environment: WHIMBREL__LISEN: unknown variable; did you mean WHIMBREL__LISTEN?\n"),
        await RunAsync(["serve"], ("WHIMBREL__LISEN", "mqtt://localhost")));

    [Fact]
    public async Task Help_is_data_and_h_is_the_host()
    {
        var (code, output, error) = await RunAsync("pub", "--help");
        Assert.Equal((0, ""), (code, error));
        Assert.Contains("-h, --host <HOST>", output, StringComparison.Ordinal);
        Assert.Contains("serve", (await RunAsync("--help")).Output, StringComparison.Ordinal);
        Assert.Equal(3, (await RunAsync("pub", "-h", "127.0.0.1", "-p", "1", "a", "b")).Code);
        Assert.Equal(2, (await RunAsync("nonsense")).Code);
        Assert.Equal(2, (await RunAsync()).Code);
        Assert.Equal(0, (await RunAsync("--version")).Code);
    }

    [Fact]
    public async Task A_reader_that_has_gone_ends_sub_in_silence()
    {
        using var serve = Start("serve", "--in-memory", "--listen", "mqtt://127.0.0.1:0");
        string port = PortIn(await NextLineAsync(serve.StandardError, "listening on mqtt://"));
        using var sub = Start("sub", "-p", port, "-q", "1", "a");
        Assert.Equal(0, (await RunAsync("pub", "-p", port, "-q", "1", "-r", "a", "first")).Code);
        Assert.Equal("first", await sub.StandardOutput.ReadLineAsync());
        sub.StandardOutput.Close();
        Assert.Equal(0, (await RunAsync("pub", "-p", port, "-q", "1", "a", "second")).Code);
        Assert.Equal((0, ""), (await ExitAsync(sub), await sub.StandardError.ReadToEndAsync()));
        Signal(serve, "TERM");
        Assert.Equal(0, await ExitAsync(serve));
    }

    [Fact]
    public async Task A_signal_ends_sub_with_130()
    {
        using var serve = Start("serve", "--in-memory", "--listen", "mqtt://127.0.0.1:0");
        string port = PortIn(await NextLineAsync(serve.StandardError, "listening on mqtt://"));
        foreach (string signal in new[] { "INT", "TERM" })
        {
            using var sub = Start("sub", "-d", "-p", port, "a");
            await NextLineAsync(sub.StandardError, "subscribed to");
            Signal(sub, signal);
            Assert.Equal(130, await ExitAsync(sub));
        }

        Signal(serve, "TERM");
        await ExitAsync(serve);
    }

    [Fact]
    public async Task Several_runs_may_write_to_one_file()
    {
        Assert.SkipUnless(File.Exists("/bin/sh"), "there is no shell");
        using var serve = Start("serve", "--in-memory", "--listen", "mqtt://127.0.0.1:0");
        string port = PortIn(await NextLineAsync(serve.StandardError, "listening on mqtt://"));
        Assert.Equal(0, (await RunAsync("pub", "-p", port, "-q", "1", "-r", "a", "one")).Code);
        using var file = new TemporaryFile("");
        string sub = $"'{Executable}' sub -p {port} -C 1 a";
        using var shell = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", $"{{ {sub}; {sub}; echo end; }} > '{file.Path}'"]))!;
        Assert.Equal(0, await ExitAsync(shell));
        Assert.Equal("one\none\nend\n", await File.ReadAllTextAsync(file.Path));
        Signal(serve, "TERM");
        await ExitAsync(serve);
    }

    private static string Executable { get; } =
        Path.Combine(AppContext.BaseDirectory, RuntimeInformation.IsOSPlatform(OSPlatform.Windows) ? "whimbrel.exe" : "whimbrel");

    private static Process Start(params string[] arguments) => Start(arguments, []);

    private static Process Start(string[] arguments, (string Name, string Value)[] environment)
    {
        // Whoever runs the tests may ignore SIGINT, as shells do for what runs in the background, and children inherit that.
        (string file, string[] words) = OperatingSystem.IsLinux() ? ("env", ["--default-signal=INT", Executable, .. arguments]) : (Executable, arguments);
        var start = new ProcessStartInfo(file, words)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
        };
        foreach (string name in start.Environment.Keys.Where(k => k.StartsWith("WHIMBREL", StringComparison.Ordinal) || k == "MQTT_URL").ToList())
            start.Environment.Remove(name);
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        return Process.Start(start)!;
    }

    private static Task<(int Code, string Output, string Error)> RunAsync(params string[] arguments) => RunAsync(arguments, []);

    private static async Task<(int Code, string Output, string Error)> RunAsync(string[] arguments, params (string Name, string Value)[] environment)
    {
        using var process = Start(arguments, environment);
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        return (await ExitAsync(process), await output, await error);
    }

    private static async Task<int> ExitAsync(Process process)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            Assert.Fail($"it did not end: {string.Join(' ', process.StartInfo.ArgumentList)}");
        }

        return process.ExitCode;
    }

    private static async Task<string> NextLineAsync(StreamReader reader, string containing)
    {
        while (await reader.ReadLineAsync() is { } line)
        {
            if (line.Contains(containing, StringComparison.Ordinal))
                return line;
        }

        throw new InvalidOperationException($"the output ended without '{containing}'");
    }

    private static string PortIn(string line) => new(line[(line.IndexOf("127.0.0.1:", StringComparison.Ordinal) + 10)..].TakeWhile(char.IsAsciiDigit).ToArray());

    private static void Signal(Process process, string signal)
    {
        using var kill = Process.Start("kill", [$"-{signal}", process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    private sealed class TemporaryFile : IDisposable
    {
        public TemporaryFile(string text) => File.WriteAllText(Path, text);

        public string Path { get; } = System.IO.Path.GetTempFileName();

        public void Dispose() => File.Delete(Path);
    }
}
