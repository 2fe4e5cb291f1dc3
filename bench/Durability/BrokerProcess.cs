using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Whimbrel.Bench.Durability;

/// <summary>A broker as a process of its own, with what the operating system counts about it.</summary>
internal sealed class BrokerProcess : IDisposable
{
    private readonly Process _process;

    private BrokerProcess(Process process, int port, TimeSpan startedIn)
    {
        _process = process;
        Port = port;
        StartedIn = startedIn;
    }

    public int Port { get; }

    /// <summary>From the start of the process to the first CONNACK.</summary>
    public TimeSpan StartedIn { get; }

    public static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    public static BrokerProcess Start(string program, string[] arguments, int port)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true };
        start.Environment["WHIMBREL__LIMITS__OUTBOXMESSAGESMAX"] = "100000000";
        start.Environment["WHIMBREL__LIMITS__OUTBOXBYTESMAX"] = "100000000000";
        long began = Stopwatch.GetTimestamp();
        Process process = Process.Start(start) ?? throw new InvalidOperationException($"{program} does not start");
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, _) => { };
        process.BeginErrorReadLine();
        process.BeginOutputReadLine();
        while (true)
        {
            try
            {
                BenchClient.Connect(port, "ready", clean: true).Dispose();
                return new BrokerProcess(process, port, Stopwatch.GetElapsedTime(began));
            }
            catch (SocketException) when (!process.HasExited && Stopwatch.GetElapsedTime(began) < TimeSpan.FromMinutes(2))
            {
                Thread.Sleep(5);
            }
        }
    }

    /// <summary>User and system time of all threads, in microseconds.</summary>
    public double CpuMicroseconds
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime.TotalMicroseconds;
        }
    }

    public long ResidentBytes => Number("status", "VmRSS:") * 1024;

    /// <summary>Bytes that the process caused to be written to the disk.</summary>
    public long WrittenBytes => Number("io", "write_bytes:");

    public void Kill()
    {
        _process.Kill(entireProcessTree: true);
        _process.WaitForExit();
    }

    public void Dispose()
    {
        if (!_process.HasExited)
            Kill();
        _process.Dispose();
    }

    private long Number(string file, string name)
    {
        string line = File.ReadLines($"/proc/{_process.Id}/{file}").First(l => l.StartsWith(name, StringComparison.Ordinal));
        return long.Parse(line[name.Length..].Replace("kB", "", StringComparison.Ordinal).Trim(), CultureInfo.InvariantCulture);
    }
}
