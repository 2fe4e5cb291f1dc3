using Whimbrel.Protocol;

namespace Whimbrel.Broker.Tests;

/// <summary>
/// The broker as the specification describes it, written for the eye: lists, linear matching, no windows, no bounds. Clients acknowledge
/// everything at once. Random scripts are run against it and against the real one.
/// </summary>
internal sealed class ReferenceBroker
{
    private readonly Dictionary<string, Session> _sessions = [];
    private readonly SortedDictionary<string, Published> _retained = new(StringComparer.Ordinal);

    public sealed record Published(string Topic, string Payload, QoS QoS, bool Retain, string Publisher);

    public sealed record Received(string Topic, string Payload, QoS QoS, bool Retain, string Ids);

    public sealed class Session
    {
        public bool IsOnline { get; set; }

        public bool Persists { get; set; }

        public Dictionary<string, (SubscriptionOptions Options, uint Id)> Subscriptions { get; } = [];

        /// <summary>What the client must have received since it was last asked, live traffic in order.</summary>
        public List<Received> Live { get; } = [];

        /// <summary>Retained messages that it must have received since then, in any order.</summary>
        public List<Received> Replayed { get; } = [];

        public List<Received> Queue { get; } = [];
    }

    public Session this[string client] => _sessions[client];

    /// <returns>Session present.</returns>
    public bool Connect(string client, bool clean, bool persists)
    {
        bool present = !clean && _sessions.ContainsKey(client);
        if (!present)
            _sessions[client] = new Session();
        Session session = _sessions[client];
        session.IsOnline = true;
        session.Persists = persists;
        session.Live.AddRange(session.Queue);
        session.Queue.Clear();
        return present;
    }

    public void Disconnect(string client)
    {
        _sessions[client].IsOnline = false;
        if (!_sessions[client].Persists)
            _sessions.Remove(client);
    }

    public void Subscribe(string client, string filter, SubscriptionOptions options, uint id)
    {
        Session session = _sessions[client];
        bool isNew = !session.Subscriptions.ContainsKey(filter);
        session.Subscriptions[filter] = (options, id);
        if (options.RetainHandling == RetainHandling.DoNotSend || (options.RetainHandling == RetainHandling.SendIfNew && !isNew))
            return;
        foreach (Published message in _retained.Values.Where(message => Matches(filter, message.Topic)))
            session.Replayed.Add(new Received(message.Topic, message.Payload, Min(message.QoS, options.QoS), true, id == 0 ? "" : id.ToString()));
    }

    public bool Unsubscribe(string client, string filter) => _sessions[client].Subscriptions.Remove(filter);

    /// <returns>Whether anybody's subscription matched.</returns>
    public bool Publish(Published message)
    {
        if (message.Retain && message.Payload.Length == 0)
            _retained.Remove(message.Topic);
        else if (message.Retain)
            _retained[message.Topic] = message;
        bool matched = false;
        foreach ((string client, Session session) in _sessions)
        {
            var matching = session.Subscriptions
                .Where(s => Matches(s.Key, message.Topic) && !(s.Value.Options.NoLocal && client == message.Publisher))
                .Select(s => s.Value)
                .ToList();
            if (matching.Count == 0)
                continue;
            matched = true;
            var received = new Received(
                message.Topic,
                message.Payload,
                Min(message.QoS, matching.Max(s => s.Options.QoS)),
                message.Retain && matching.Any(s => s.Options.RetainAsPublished),
                string.Join(",", matching.Where(s => s.Id != 0).Select(s => s.Id).Order()));
            if (session.IsOnline)
                session.Live.Add(received);
            else if (received.QoS != QoS.AtMostOnce)
                session.Queue.Add(received);
        }

        return matched;
    }

    /// <summary>Matching as section 4.7 tells it, level by level.</summary>
    public static bool Matches(string filter, string topic)
    {
        string[] filterLevels = filter.Split('/');
        string[] topicLevels = topic.Split('/');
        if (topic.StartsWith('$') && (filterLevels[0] is "+" or "#"))
            return false;
        for (int i = 0; i < filterLevels.Length; i++)
        {
            if (filterLevels[i] == "#")
                return true;
            if (i >= topicLevels.Length || (filterLevels[i] != "+" && filterLevels[i] != topicLevels[i]))
                return false;
            // "a/#" matches "a" too.
            if (i == topicLevels.Length - 1 && filterLevels.Length == i + 2 && filterLevels[i + 1] == "#")
                return true;
        }

        return filterLevels.Length == topicLevels.Length;
    }

    private static QoS Min(QoS a, QoS b) => a < b ? a : b;
}
