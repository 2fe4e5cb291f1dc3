using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;

namespace Whimbrel.Client.Telemetry;

/// <summary>
/// The instruments of one meter, shared by all clients that have it. What stands somewhere anyway (depths, states) is read when somebody
/// collects; the rest is counted while somebody listens. A client that is not disposed of is not held.
/// </summary>
internal sealed class ClientMetrics
{
    private static readonly ConditionalWeakTable<Meter, ClientMetrics> Known = [];
    private static readonly Meter Shared = new(MqttTelemetry.MeterName);

    // The conventions' own.
    private static readonly InstrumentAdvice<double> Durations = new()
    {
        HistogramBucketBoundaries = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
    };

    private readonly ConditionalWeakTable<MqttClient, object> _clients = [];

    private ClientMetrics(Meter meter)
    {
        Sent = meter.CreateCounter<long>("messaging.client.sent.messages", "{message}", "Messages that the program gave to a client to publish, by how that ended.");
        Consumed = meter.CreateCounter<long>("messaging.client.consumed.messages", "{message}", "Messages that were given to the program.");
        OperationDuration = meter.CreateHistogram("messaging.client.operation.duration", "s", "How long publishing took, until the message was delivered.", null, Durations);
        ProcessDuration = meter.CreateHistogram("messaging.process.duration", "s", "How long the program had a message.", null, Durations);
        Reconnects = meter.CreateCounter<long>("whimbrel.client.reconnects", "{connection}", "Connections after the first.");
        Dropped = meter.CreateCounter<long>("whimbrel.client.dropped", "{message}", "Messages that were given up, by reason.");
        meter.CreateObservableUpDownCounter("whimbrel.client.connection.state", ObserveStates, "{client}", "Clients by the state of their connection.");
        meter.CreateObservableUpDownCounter(
            "whimbrel.client.outbox.depth", () => Observe(static figures => figures.Outbox), "{message}", "Messages of QoS 1 and 2 that are not acknowledged, those in flight included.");
        meter.CreateObservableUpDownCounter("whimbrel.client.outbox.bytes", () => Observe(static figures => figures.OutboxBytes), "By", "What they take up.");
        meter.CreateObservableUpDownCounter(
            "whimbrel.client.inflight", () => Observe(static figures => figures.InFlight), "{message}", "Messages of QoS 1 and 2 that were sent and are not acknowledged.");
        meter.CreateObservableUpDownCounter(
            "whimbrel.client.subscription.queue.depth", () => ObserveFilters(static subscription => subscription.Waiting), "{message}", "Received messages that nobody has taken.");
        meter.CreateObservableUpDownCounter(
            "whimbrel.client.handler.stuck", () => ObserveFilters(static subscription => subscription.StuckCalls), "{call}", "Calls of handlers that last longer than they should.");
    }

    public Counter<long> Sent { get; }

    public Counter<long> Consumed { get; }

    public Histogram<double> OperationDuration { get; }

    public Histogram<double> ProcessDuration { get; }

    public Counter<long> Reconnects { get; }

    public Counter<long> Dropped { get; }

    /// <summary>The instruments of the factory's meter, or of one for the whole process.</summary>
    public static ClientMetrics For(IMeterFactory? factory) =>
        Known.GetValue(factory?.Create(new MeterOptions(MqttTelemetry.MeterName)) ?? Shared, static meter => new ClientMetrics(meter));

    public void Add(MqttClient client) => _clients.AddOrUpdate(client, client.ClientId);

    public void Remove(MqttClient client) => _clients.Remove(client);

    private IEnumerable<Measurement<long>> ObserveStates()
    {
        foreach ((MqttClient client, _) in _clients)
        {
            TagList tags = client.Telemetry.GaugeTags;
            tags.Add("state", client.State.ToString());
            yield return new Measurement<long>(1, tags);
        }
    }

    private IEnumerable<Measurement<long>> Observe(Func<ClientFigures, long> figure)
    {
        foreach ((MqttClient client, _) in _clients)
            yield return new Measurement<long>(figure(client.Figures()), client.Telemetry.GaugeTags);
    }

    private IEnumerable<Measurement<long>> ObserveFilters(Func<MqttSubscription, long> figure)
    {
        foreach ((MqttClient client, _) in _clients)
        {
            foreach (IGrouping<string, MqttSubscription> filter in client.Subscriptions().Where(subscription => !subscription.IsOwn).GroupBy(subscription => subscription.Pattern))
            {
                TagList tags = client.Telemetry.GaugeTags;
                tags.Add("messaging.destination.template", filter.Key);
                yield return new Measurement<long>(filter.Sum(figure), tags);
            }
        }
    }
}

/// <summary>What a client holds at one moment.</summary>
internal readonly record struct ClientFigures(long Outbox, long OutboxBytes, long InFlight);
