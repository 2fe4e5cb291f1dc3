using System.Globalization;
using Whimbrel.Cli.Bench.Load;

namespace Whimbrel.Cli.Bench;

/// <summary>What a process has used so far.</summary>
internal readonly record struct Usage(long CpuNanoseconds, long ResidentBytes, long VoluntarySwitches, long InvoluntarySwitches);

/// <summary>Asks the kernel what the broker's process uses.</summary>
internal sealed class BrokerProbe(int pid)
{
    public int Pid => pid;

    public bool IsAlive => LoadSystem.CpuNanoseconds(pid) >= 0;

    /// <summary>Nothing but zeros when the process has gone.</summary>
    public Usage Read()
    {
        long voluntary = 0;
        long involuntary = 0;
        try
        {
            foreach (string thread in Directory.EnumerateDirectories($"/proc/{pid}/task"))
            {
                voluntary += Field($"{thread}/status", "voluntary_ctxt_switches:");
                involuntary += Field($"{thread}/status", "nonvoluntary_ctxt_switches:");
            }
        }
        catch (IOException)
        {
            // The process or a thread ends.
        }

        return new Usage(Math.Max(0, LoadSystem.CpuNanoseconds(pid)), Field($"/proc/{pid}/status", "VmRSS:") * 1024, voluntary, involuntary);
    }

    private static long Field(string file, string name)
    {
        try
        {
            foreach (string line in File.ReadLines(file))
            {
                if (line.StartsWith(name, StringComparison.Ordinal))
                    return long.Parse(line.AsSpan(name.Length).Trim().TrimEnd("kB").Trim(), CultureInfo.InvariantCulture);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return 0;
        }

        return 0;
    }
}
