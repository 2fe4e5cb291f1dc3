using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Whimbrel.Client;
using Whimbrel.Client.Testing;

namespace Whimbrel.EndToEnd.Client;

/// <summary>
/// What listeners to the client's traces and metrics see. Alone: a listener to traces hears the whole process, and messages carry more while there
/// is one. What it has heard is looked through by topic.
/// </summary>
[Collection(nameof(ProcessResourceTests))]
public sealed class TelemetryTests : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private readonly ActivitySource _program = new("program");
    private readonly ConcurrentQueue<Activity> _spans = new();
    private readonly ActivityListener _listener;

    public TelemetryTests()
    {
        _listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name is MqttTelemetry.ActivitySourceName or "program",
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = _spans.Enqueue,
        };
        ActivitySource.AddActivityListener(_listener);
    }

    public void Dispose()
    {
        _listener.Dispose();
        _program.Dispose();
    }

    [Fact]
    public async Task One_trace_goes_from_the_publisher_through_the_handler_to_the_answer()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await using var server = new MqttClient(broker.Uri);
        await using var client = new MqttClient(new MqttClientOptions { Endpoints = { broker.Uri }, ClientId = "asking" });
        Activity? inHandler = null;
        await using MqttSubscription echo = await server.RespondAsync("svc/{name}", (request, _) =>
        {
            inHandler = Activity.Current;
            return ValueTask.FromResult(new MqttResponse { Payload = request.Payload });
        });
        ActivityTraceId trace;
        using (Activity? root = _program.StartActivity("root"))
        {
            trace = root!.TraceId;
            await client.RequestAsync(new MqttPublishRequest { Topic = "svc/echo", Payload = new byte[5] }).WaitAsync(Limit);
        }

        await server.DisposeAsync();
        Activity[] spans = [.. _spans.Where(span => span.TraceId == trace)];
        Activity root2 = spans.Single(span => span.OperationName == "root");
        Activity request = spans.Single(span => span.OperationName == "publish" && span.ParentSpanId == root2.SpanId);
        Activity process = spans.Single(span => span.OperationName == "process svc/{name}");
        Activity answer = spans.Single(span => span.OperationName == "publish" && span.ParentSpanId == process.SpanId);
        Assert.Equal(4, spans.Length);
        Assert.Equal(request.SpanId, process.ParentSpanId);
        Assert.Same(process, inHandler);
        Assert.Equal((ActivityKind.Producer, ActivityKind.Consumer, ActivityKind.Producer), (request.Kind, process.Kind, answer.Kind));
        Assert.Equal(
            ("mqtt", "publish", "send", "svc/echo", "asking", 5, "127.0.0.1", broker.Port),
            (request.GetTagItem("messaging.system"), request.GetTagItem("messaging.operation.name"), request.GetTagItem("messaging.operation.type"),
                request.GetTagItem("messaging.destination.name"), request.GetTagItem("messaging.client.id"), request.GetTagItem("messaging.message.body.size"),
                request.GetTagItem("server.address"), request.GetTagItem("server.port")));
        Assert.Equal(
            ("process", "svc/{name}", "svc/echo"),
            (process.GetTagItem("messaging.operation.type"), process.GetTagItem("messaging.destination.template"), process.GetTagItem("messaging.destination.name")));
    }

    [Fact]
    public async Task A_request_by_topic_tells_its_handler_the_span_that_it_is_handled_in()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await using var client = new MqttClient(new MqttClientOptions { Endpoints = { broker.Uri }, ProtocolVersion = MqttProtocolVersion.Mqtt311 });
        string topic = $"a/{Guid.NewGuid():N}";
        ActivityContext told = default;
        await using MqttSubscription echo = await client.RespondAsync(topic, (request, _) =>
        {
            told = request.TraceContext;
            return ValueTask.FromResult(new MqttResponse());
        });
        await client.RequestAsync(new MqttPublishRequest { Topic = topic }).WaitAsync(Limit);
        await echo.DisposeAsync();
        Assert.Equal(_spans.Single(span => span.OperationName == $"process {topic}").Context, told);
    }

    [Theory]
    [InlineData(true, MqttProtocolVersion.Mqtt50)]
    [InlineData(false, MqttProtocolVersion.Mqtt50)]
    [InlineData(true, MqttProtocolVersion.Mqtt311)]
    public async Task The_context_travels_in_user_properties_unless_it_is_turned_off_or_there_are_none(bool propagates, MqttProtocolVersion version)
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await using var client = new MqttClient(new MqttClientOptions { Endpoints = { broker.Uri }, PropagateTraceContext = propagates, ProtocolVersion = version });
        string topic = $"a/{Guid.NewGuid():N}";
        await using MqttSubscription subscription = await client.OpenSubscriptionAsync(topic, new MqttSubscribeOptions { QoS = MqttQoS.AtLeastOnce });
        using (Activity? root = _program.StartActivity("root"))
        {
            root!.TraceStateString = "vendor=1";
            await client.PublishAsync(new MqttPublishRequest
            {
                Topic = topic,
                QoS = MqttQoS.AtLeastOnce,
                ContentType = "kept",
                UserProperties = [new("traceparent", "of an earlier hop"), new("other", "kept")],
            });
        }

        Activity publish = _spans.Single(span => span.OperationName == "publish" && topic.Equals(span.GetTagItem("messaging.destination.name")));
        await using IAsyncEnumerator<MqttMessage> messages = subscription.GetAsyncEnumerator();
        Assert.True(await messages.MoveNextAsync().AsTask().WaitAsync(Limit));
        MqttMessage message = messages.Current;
        bool travels = propagates && version == MqttProtocolVersion.Mqtt50;
        KeyValuePair<string, string>[] expected = travels
            ? [new("other", "kept"), new("traceparent", publish.Id!), new("tracestate", "vendor=1")]
            : version == MqttProtocolVersion.Mqtt50 ? [new("traceparent", "of an earlier hop"), new("other", "kept")] : [];
        Assert.Equal(expected, message.UserProperties);
        Assert.Equal(version == MqttProtocolVersion.Mqtt50 ? "kept" : null, message.ContentType);
        ActivityContext reading = message.TraceContext;
        await messages.DisposeAsync();
        Activity process = _spans.Single(span => span.OperationName == $"process {topic}");
        Assert.Equal(process.Context, reading);
        Assert.Equal(travels ? publish.SpanId : default, process.ParentSpanId);
        Assert.Equal(travels ? "vendor=1" : null, process.TraceStateString);
    }

    [Fact]
    public async Task A_failed_handler_and_a_refused_message_are_errors_with_their_kind()
    {
        await using TestBroker broker = await TestBroker.StartAsync(options => options.Broker = options.Broker with { MaximumQoS = Protocol.QoS.AtLeastOnce });
        await using var client = new MqttClient(broker.Uri);
        string topic = $"a/{Guid.NewGuid():N}";
        await using MqttSubscription subscription = await client.OpenSubscriptionAsync(
            topic, (_, _) => throw new InvalidDataException("broken"), new MqttSubscribeOptions { QoS = MqttQoS.AtLeastOnce });
        await client.PublishAsync(topic, "x", MqttQoS.AtLeastOnce);
        await Assert.ThrowsAsync<MqttPublishException>(() => client.PublishAsync($"{topic}/b", "x", MqttQoS.ExactlyOnce).AsTask());
        await client.DisposeAsync();
        Activity refused = _spans.Single(span => $"{topic}/b".Equals(span.GetTagItem("messaging.destination.name")));
        Activity failed = _spans.Single(span => span.OperationName == $"process {topic}");
        Assert.Equal((ActivityStatusCode.Error, "QoSNotSupported"), (refused.Status, refused.GetTagItem("error.type")));
        Assert.Equal((ActivityStatusCode.Error, typeof(InvalidDataException).FullName), (failed.Status, failed.GetTagItem("error.type")));
    }

    [Fact]
    public async Task A_connection_is_no_part_of_the_trace_that_needed_it_first()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        Activity? inProvider = null;
        await using var client = new MqttClient(new MqttClientOptions
        {
            Endpoints = { broker.Uri },
            CredentialProvider = _ =>
            {
                inProvider = Activity.Current;
                return ValueTask.FromResult(new MqttCredentials("me"));
            },
        });
        using (_program.StartActivity("root"))
            await client.ConnectAsync().WaitAsync(Limit);
        Assert.Equal(MqttConnectionState.Connected, client.State);
        Assert.Null(inProvider);
    }

    [Fact]
    public async Task Metrics_count_what_happened_and_show_what_stands_by_the_meter_of_the_container()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await using ServiceProvider services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        IMeterFactory factory = services.GetRequiredService<IMeterFactory>();
        using var seen = new MetricRecorder(factory);
        await using var client = new MqttClient(new MqttClientOptions { Endpoints = { broker.Uri }, MeterFactory = factory, ClientId = "measured" });
        await using MqttSubscription slow = await client.OpenSubscriptionAsync("slow", new MqttSubscribeOptions { QueueMessages = 3 });
        var handled = new TaskCompletionSource();
        await using MqttSubscription quick = await client.OpenSubscriptionAsync(
            "quick/{n}",
            (_, _) =>
            {
                handled.TrySetResult();
                return ValueTask.CompletedTask;
            },
            new MqttSubscribeOptions { QoS = MqttQoS.AtLeastOnce });
        for (int i = 0; i < 5; i++)
            await client.PublishAsync("slow", "x");
        await client.PublishAsync("quick/1", "x", MqttQoS.AtLeastOnce);
        await handled.Task.WaitAsync(Limit);
        await client.PingAsync();
        Task<MqttPublishResult> held;
        using (broker.DelayAcknowledgements(Timeout.InfiniteTimeSpan))
        {
            held = client.PublishAsync("nobody", new byte[100], MqttQoS.ExactlyOnce).AsTask();
            await client.PingAsync().WaitAsync(Limit);
            seen.Collect();
            Assert.Equal(1, seen.Sum("whimbrel.client.inflight"));
            Assert.Equal(1, seen.Sum("whimbrel.client.outbox.depth"));
            Assert.InRange(seen.Sum("whimbrel.client.outbox.bytes"), 100, 300);
            Assert.Equal(1, seen.Sum("whimbrel.client.connection.state", ("state", "Connected"), ("messaging.client.id", "measured"), ("server.port", broker.Port)));
            Assert.Equal(3, seen.Sum("whimbrel.client.subscription.queue.depth", ("messaging.destination.template", "slow")));
        }

        await held.WaitAsync(Limit);
        Task back = ClientTests.Next(client, MqttConnectionState.Connected);
        broker.DropConnections();
        await back.WaitAsync(Limit);
        await quick.DisposeAsync();
        Assert.Equal(7, seen.Sum("messaging.client.sent.messages", ("messaging.system", "mqtt"), ("messaging.operation.name", "publish")));
        Assert.Equal(7, seen.Count("messaging.client.operation.duration"));
        Assert.Equal(1, seen.Sum("messaging.client.consumed.messages", ("messaging.destination.template", "quick/{n}")));
        Assert.Equal(1, seen.Count("messaging.process.duration"));
        Assert.Equal(2, seen.Sum("whimbrel.client.dropped", ("reason", "overflow")));
        Assert.Equal(1, seen.Sum("whimbrel.client.reconnects", ("session_lost", false)));
        await client.DisposeAsync();
        seen.Collect();
        Assert.Equal(0, seen.Sum("whimbrel.client.connection.state"));
        Assert.Equal(
            ["messaging.client.consumed.messages {message}", "messaging.client.operation.duration s", "messaging.client.sent.messages {message}", "messaging.process.duration s"],
            seen.Instruments.Where(name => name.StartsWith("messaging", StringComparison.Ordinal)).Order());
    }

    [Fact]
    public async Task A_handler_that_does_not_come_back_is_told_of_once_and_counted_until_it_does()
    {
        var time = new FakeTimeProvider();
        var log = new RecordedLog();
        await using ServiceProvider services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        IMeterFactory meters = services.GetRequiredService<IMeterFactory>();
        using var seen = new MetricRecorder(meters);
        await using TestBroker broker = await TestBroker.StartAsync();
        await using var client = new MqttClient(new MqttClientOptions
        {
            Endpoints = { broker.Uri },
            TimeProvider = time,
            LoggerFactory = log,
            MeterFactory = meters,
            KeepAlive = TimeSpan.Zero,
        });
        var begun = new SemaphoreSlim(0);
        var release = new TaskCompletionSource();
        var done = new TaskCompletionSource();
        await using MqttSubscription subscription = await client.OpenSubscriptionAsync(
            "lines/{line}",
            async (message, _) =>
            {
                begun.Release();
                await release.Task;
                if (message.Topic == "lines/2")
                    done.SetResult();
            },
            new MqttSubscribeOptions { QoS = MqttQoS.AtLeastOnce, HandlerStuckAfter = TimeSpan.FromSeconds(20) });
        await client.PublishAsync("lines/1", "x", MqttQoS.AtLeastOnce);
        await client.PublishAsync("lines/2", "x", MqttQoS.AtLeastOnce);
        await client.PingAsync().WaitAsync(Limit);
        Assert.True(await begun.WaitAsync(Limit));
        for (int i = 0; i < 4; i++)
            time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(0, Stuck());
        Assert.DoesNotContain(log.Lines, line => line.Text.Contains("busy", StringComparison.Ordinal));
        for (int i = 0; i < 8; i++)
            time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(1, Stuck());
        Assert.Single(log.Lines, line => line.Level == LogLevel.Warning && line.Text.Contains("The handler of lines/{line} has been busy for 20 seconds with a message for lines/1; 1 more wait", StringComparison.Ordinal));
        release.SetResult();
        await done.Task.WaitAsync(Limit);
        time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(0, Stuck());

        double Stuck()
        {
            seen.Collect();
            return seen.Sum("whimbrel.client.handler.stuck", ("messaging.destination.template", "lines/{line}"));
        }
    }

    /// <summary>Keeps what the instruments of one factory's meter say; of those that are observed, the last collection only.</summary>
    private sealed class MetricRecorder : IDisposable
    {
        private readonly MeterListener _listener = new();
        private readonly ConcurrentQueue<(Instrument Instrument, double Value, KeyValuePair<string, object?>[] Tags)> _measured = new();
        private readonly ConcurrentDictionary<string, string> _instruments = new();

        public MetricRecorder(IMeterFactory factory)
        {
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name != MqttTelemetry.MeterName || instrument.Meter.Scope != factory)
                    return;
                _instruments[instrument.Name] = $"{instrument.Name} {instrument.Unit}";
                listener.EnableMeasurementEvents(instrument);
            };
            _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => _measured.Enqueue((instrument, value, tags.ToArray())));
            _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => _measured.Enqueue((instrument, value, tags.ToArray())));
            _listener.Start();
        }

        public IEnumerable<string> Instruments => _instruments.Values;

        public void Collect()
        {
            (Instrument Instrument, double Value, KeyValuePair<string, object?>[] Tags)[] kept = [.. _measured.Where(one => !one.Instrument.IsObservable)];
            _measured.Clear();
            foreach ((Instrument, double, KeyValuePair<string, object?>[]) one in kept)
                _measured.Enqueue(one);
            _listener.RecordObservableInstruments();
        }

        public double Sum(string name, params (string Key, object Value)[] tags) => Of(name, tags).Sum(one => one.Value);

        public int Count(string name) => Of(name, []).Count();

        public void Dispose() => _listener.Dispose();

        private IEnumerable<(Instrument Instrument, double Value, KeyValuePair<string, object?>[] Tags)> Of(string name, (string Key, object Value)[] tags) =>
            _measured.Where(one => one.Instrument.Name == name && tags.All(wanted => one.Tags.Any(tag => tag.Key == wanted.Key && wanted.Value.Equals(tag.Value))));
    }
}
