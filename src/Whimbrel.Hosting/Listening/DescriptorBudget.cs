namespace Whimbrel.Hosting;

/// <summary>
/// How many of the process's descriptors connections may take. The rest stays free, because the .NET runtime needs descriptors to
/// start a thread and ends the process with "Out of memory" when it gets none; and the store needs files.
/// </summary>
/// <remarks>The kernel gives the lowest free number, so the number of a new descriptor says how many are in use.</remarks>
internal sealed class DescriptorBudget
{
    private const int ReserveMin = 32;
    private const int ReserveMax = 256;

    private DescriptorBudget(long limit)
    {
        Limit = limit;
        Reserve = ReserveOf(limit);
    }

    /// <summary>The process's limit (<c>ulimit -n</c>).</summary>
    public long Limit { get; }

    public int Reserve { get; }

    /// <summary>Why a connection is not taken, for the log.</summary>
    public string Cause => $"all but {Reserve} of the {Limit} descriptors of this process are in use (ulimit -n)";

    /// <summary>As the limit is now.</summary>
    public static DescriptorBudget OfProcess() => new(OperatingSystem.IsLinux() ? Libc.DescriptorLimit() : long.MaxValue);

    public static int ReserveOf(long limit) => (int)Math.Min(Math.Clamp(limit / 16, ReserveMin, ReserveMax), limit / 2);

    public bool Allows(long descriptor) => descriptor < Limit - Reserve;
}
