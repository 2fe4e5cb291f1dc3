using HdrHistogram;

namespace Whimbrel.Cli.Bench.Load;

/// <summary>Durations in nanoseconds, up to an hour, with three digits.</summary>
internal sealed class Latency
{
    private const long Hour = 3_600_000_000_000;

    private readonly LongHistogram _histogram = new(1, Hour, 3);

    public long Count => _histogram.TotalCount;

    public void Record(long nanoseconds) => _histogram.RecordValue(Math.Clamp(nanoseconds, 0, Hour));

    public double Microseconds(double percentile) => Count == 0 ? 0 : _histogram.GetValueAtPercentile(percentile) / 1e3;

    public double MaxMicroseconds => Count == 0 ? 0 : _histogram.GetMaxValue() / 1e3;

    public double MeanMicroseconds => Count == 0 ? 0 : _histogram.GetMean() / 1e3;

    public void Reset() => _histogram.Reset();
}
