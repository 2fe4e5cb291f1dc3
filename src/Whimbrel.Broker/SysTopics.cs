using System.Globalization;
using System.Text;

namespace Whimbrel.Broker;

/// <summary>
/// The <c>$SYS/broker</c> topics that Mosquitto's users watch, retained, each published when its value has changed.
/// </summary>
/// <remarks>The heartbeat's own.</remarks>
internal sealed class SysTopics
{
    private static readonly (string Name, double Minutes)[] Averages = [("1min", 1), ("5min", 5), ("15min", 15)];

    private readonly MessageBroker _broker;
    private readonly long _started;
    private readonly List<Figure> _figures = [];
    private readonly List<Rate> _rates = [];
    private long _due;
    private long _last;

    public SysTopics(MessageBroker broker, long now)
    {
        _broker = broker;
        _started = _last = now;
        _due = broker.Options.SysIntervalSeconds == 0 ? Message.Never : now;
        BrokerStatistics statistics = broker.Statistics;
        Add("version", _ => broker.Options.Version);
        Add("uptime", at => Text((at - _started) / 1000) + " seconds");
        Add("clients/connected", () => statistics.ClientsConnected);
        Add("clients/active", () => statistics.ClientsConnected);
        Add("clients/disconnected", () => Math.Max(0, broker.SessionCount - statistics.ClientsConnected));
        Add("clients/inactive", () => Math.Max(0, broker.SessionCount - statistics.ClientsConnected));
        Add("clients/total", () => broker.SessionCount);
        Add("clients/maximum", () => statistics.ClientsConnectedMax);
        Add("clients/expired", () => statistics.SessionsExpired);
        Add("messages/received", () => statistics.PacketsReceived);
        Add("messages/sent", () => statistics.PacketsSent);
        Add("messages/stored", () => broker.RetainedCount);
        Add("store/messages/count", () => broker.RetainedCount);
        Add("store/messages/bytes", () => broker.Retained.Bytes);
        Add("publish/messages/received", () => statistics.PublishesReceived);
        Add("publish/messages/sent", () => statistics.PublishesSent);
        Add("publish/messages/dropped", () => statistics.DroppedTotal);
        Add("publish/bytes/received", () => statistics.PublishBytesReceived);
        Add("publish/bytes/sent", () => statistics.PublishBytesSent);
        Add("bytes/received", () => statistics.BytesReceived);
        Add("bytes/sent", () => statistics.BytesSent);
        Add("retained messages/count", () => broker.RetainedCount);
        Add("subscriptions/count", () => broker.SubscriptionCount);
        Add("shared_subscriptions/count", () => broker.Tree.SharedCount);
        Add("store/commits", () => statistics.StoreCommits);
        Add("store/messages/written", () => statistics.StoreMessages);
        Add("store/full", () => broker.Journal.IsFull ? 1 : 0);
        Add("connections/refused", () => statistics.ConnectionsRefused);
        foreach (DropReason reason in Enum.GetValues<DropReason>())
            Add("dropped/" + SnakeCase(reason.ToString()), () => statistics.Dropped(reason));
        foreach (CloseReason reason in Enum.GetValues<CloseReason>())
            Add("closed/" + SnakeCase(reason.ToString()), () => statistics.Closed(reason));
        AddRate("messages/received", () => statistics.PacketsReceived);
        AddRate("messages/sent", () => statistics.PacketsSent);
        AddRate("publish/received", () => statistics.PublishesReceived);
        AddRate("publish/sent", () => statistics.PublishesSent);
        AddRate("publish/dropped", () => statistics.DroppedTotal);
        AddRate("bytes/received", () => statistics.BytesReceived);
        AddRate("bytes/sent", () => statistics.BytesSent);
    }

    public void Heartbeat(Turn turn)
    {
        if (turn.Now < _due)
            return;
        double minutes = (turn.Now - _last) / 60_000.0;
        foreach (Rate rate in _rates)
            rate.Measure(minutes);
        _last = turn.Now;
        _due = turn.Now + (_broker.Options.SysIntervalSeconds * 1000L);
        foreach (Figure figure in _figures)
            figure.Publish(turn);
    }

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);

    private void Add(string name, Func<long> value) => Add(name, _ => Text(value()));

    private void Add(string name, Func<long, string> value) => _figures.Add(new Figure(_broker, name, value));

    private void AddRate(string name, Func<long> value)
    {
        foreach ((string suffix, double minutes) in Averages)
        {
            var rate = new Rate(value, minutes);
            _rates.Add(rate);
            Add($"load/{name}/{suffix}", _ => rate.PerMinute.ToString("F2", CultureInfo.InvariantCulture));
        }
    }

    private static string SnakeCase(string name)
    {
        var text = new StringBuilder();
        foreach (char c in name)
        {
            if (char.IsUpper(c) && text.Length > 0)
                text.Append('_');
            text.Append(char.ToLowerInvariant(c));
        }

        return text.ToString();
    }

    private sealed class Figure(MessageBroker broker, string name, Func<long, string> value)
    {
        private readonly byte[] _topic = Encoding.UTF8.GetBytes("$SYS/broker/" + name);
        private string? _published;

        public void Publish(Turn turn)
        {
            string text = value(turn.Now);
            if (string.Equals(text, _published, StringComparison.Ordinal))
                return;
            _published = text;
            broker.Publish(new Message(_topic, Encoding.UTF8.GetBytes(text), retain: true), turn);
        }
    }

    /// <summary>An exponentially weighted average of how fast a count grows, per minute.</summary>
    private sealed class Rate(Func<long> count, double window)
    {
        private long _last;

        public double PerMinute { get; private set; }

        public void Measure(double minutes)
        {
            long now = count();
            if (minutes > 0)
            {
                double keep = Math.Exp(-minutes / window);
                PerMinute = (PerMinute * keep) + ((now - _last) / minutes * (1 - keep));
            }

            _last = now;
        }
    }
}
