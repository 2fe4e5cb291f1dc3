using Microsoft.Extensions.Logging;
using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.Hosting.Tests;

public class LoggingTests
{
    private readonly Lines _lines = new();
    private readonly Clock _time = new();
    private readonly BrokerLog _log;

    public LoggingTests() => _log = new BrokerLog(_lines, new BrokerClock(_time));

    [Fact]
    public void A_close_names_peer_client_and_cause()
    {
        _log.On(new BrokerEvent(BrokerEventKind.Closed)
        {
            Peer = "127.0.0.1:5000",
            ClientId = "lamp",
            CloseReason = CloseReason.KeepAliveTimeout,
            Detail = CloseCause.KeepAliveTimeout.Detail,
        });
        Assert.Equal(["Information: 127.0.0.1:5000 'lamp' closed: KeepAliveTimeout, nothing received for one and a half keep-alive intervals"], _lines.Written);
    }

    [Fact]
    public void A_refusal_is_one_warning_and_its_close_none()
    {
        _log.On(new BrokerEvent(BrokerEventKind.Refused) { Peer = "unix", ClientId = "lamp", Code = ReasonCode.NotAuthorized, Detail = "no" });
        _log.On(new BrokerEvent(BrokerEventKind.Closed) { Peer = "unix", ClientId = "lamp", CloseReason = CloseReason.ConnectionRefused });
        Assert.Equal(["Warning: unix refused as 'lamp': 0x87 Not authorized, no"], _lines.Written.Where(line => !line.StartsWith("Debug", StringComparison.Ordinal)));
    }

    [Fact]
    public void Drops_are_written_once_for_each_client_and_reason_and_then_counted()
    {
        for (int i = 0; i < 1000; i++)
            Drop("slow", DropReason.SlowReader);
        Drop("slow", DropReason.Expired);
        Drop("other", DropReason.SlowReader);
        Assert.Equal(3, _lines.Written.Count);
        Assert.Equal("Warning: dropped 1 for 'slow': SlowReader, topic 'a/b'", _lines.Written[0]);

        Pass(DropEpisodes.EpisodeMilliseconds);
        Assert.Equal("Warning: dropped 999 more for 'slow': SlowReader", Assert.Single(_lines.Written.Skip(3)));
    }

    [Fact]
    public void An_episode_that_is_over_begins_anew()
    {
        Drop("slow", DropReason.SlowReader);
        Pass(DropEpisodes.EpisodeMilliseconds);
        Drop("slow", DropReason.SlowReader);
        Assert.Equal(2, _lines.Written.Count);
    }

    [Fact]
    public void Episodes_are_bounded_whatever_the_number_of_clients()
    {
        for (int i = 0; i < 5000; i++)
            Drop($"client{i}", DropReason.Expired);
        Assert.InRange(_lines.Written.Count, 1000, 1001);
        Pass(DropEpisodes.EpisodeMilliseconds);
        Assert.Equal("Warning: dropped 3999 more for '(others)': Expired", _lines.Written[^1]);
    }

    [Theory]
    [InlineData("plain", "plain")]
    [InlineData("näh/☃", "näh/☃")]
    [InlineData("a\nb", "a\\u000Ab")]
    [InlineData("a\u202Eb", "a\\u202Eb")]
    [InlineData("\u001b[31m", "\\u001B[31m")]
    public void A_client_cannot_write_lines_of_its_own_into_the_log(string text, string written) => Assert.Equal(written, Printable.Of(text));

    [Fact]
    public void A_long_identifier_is_cut() => Assert.Equal(new string('x', 256) + "...", Printable.Of(new string('x', 5000)));

    private void Drop(string clientId, DropReason reason) =>
        _log.On(new BrokerEvent(BrokerEventKind.Dropped) { ClientId = clientId, DropReason = reason, Count = 1, Topic = "a/b"u8.ToArray() });

    private void Pass(int milliseconds)
    {
        _time.Ticks += milliseconds * TimeSpan.TicksPerMillisecond;
        _log.OnSecond(new BrokerClock(_time).NowMilliseconds + milliseconds);
    }

    private sealed class Clock : TimeProvider
    {
        public long Ticks { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Ticks;

        public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch;
    }

    private sealed class Lines : ILogger
    {
        public List<string> Written { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Written.Add($"{logLevel}: {formatter(state, exception)}");
    }
}
