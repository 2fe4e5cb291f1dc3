using System.Diagnostics;
using Whimbrel.Client.Transports;

namespace Whimbrel.Client.Telemetry;

/// <summary>
/// What one client tells of its messages. Costs a few looks at whether somebody listens, and nothing is allocated while nobody does.
/// Called outside the gate, but for what happens seldom (reconnects, drops).
/// </summary>
internal sealed class ClientTelemetry(ClientMetrics metrics, bool propagates, string clientId)
{
    private static readonly ActivitySource Source = new(MqttTelemetry.ActivitySourceName);

    private string? _host;
    private object? _port;

    /// <summary>Why a message was given up.</summary>
    public const string Overflow = "overflow", Expired = "expired", OutboxFull = "outbox_full", Quarantined = "quarantined", Unclaimed = "unclaimed", Unread = "unread",
        Unreadable = "unreadable", HandlerFailed = "handler_failed";

    public bool WatchesPublishing =>
        Source.HasListeners() || metrics.Sent.Enabled || metrics.OperationDuration.Enabled || (propagates && Activity.Current is { Recorded: true });

    public bool WatchesProcessing => Source.HasListeners() || metrics.Consumed.Enabled || metrics.ProcessDuration.Enabled;

    /// <summary>What tells this client from others. Not for instruments that keep what they have counted.</summary>
    public TagList GaugeTags
    {
        get
        {
            TagList tags = ServerTags();
            tags.Add("messaging.client.id", clientId);
            return tags;
        }
    }

    /// <summary>Where the client is going to be connected from now on.</summary>
    public void Connecting(Endpoint endpoint)
    {
        if (_host == endpoint.Host && _port is int known && known == endpoint.Port)
            return;
        _port = endpoint.Port;
        _host = endpoint.Host;
    }

    /// <summary>Topics may be many, so that the span's name does without.</summary>
    public Activity? StartPublish(string topic, int payloadBytes)
    {
        Activity? activity = Source.StartActivity("publish", ActivityKind.Producer);
        if (activity is { IsAllDataRequested: true })
            Describe(activity, "publish", "send", topic, payloadBytes);
        return activity;
    }

    /// <summary>A message is taken over; when it leaves is another matter.</summary>
    public Activity? StartEnqueue(string topic, int payloadBytes)
    {
        Activity? activity = Source.StartActivity("enqueue", ActivityKind.Producer);
        if (activity is { IsAllDataRequested: true })
            Describe(activity, "enqueue", "create", topic, payloadBytes);
        return activity;
    }

    /// <summary>The message's properties with the context of the publishing span, or of what the program does just now.</summary>
    public byte[] Inject(Activity? publishing, byte[] properties) =>
        propagates && (publishing ?? Activity.Current) is { } activity && (publishing is not null || activity.Recorded) ? TraceContext.Inject(activity, properties) : properties;

    public void Published(TimeSpan duration, Activity? activity, Exception? failure)
    {
        string? error = Fail(activity, failure);
        if (!metrics.Sent.Enabled && !metrics.OperationDuration.Enabled)
            return;
        TagList tags = Tags("publish", error);
        metrics.Sent.Add(1, tags);
        metrics.OperationDuration.Record(duration.TotalSeconds, tags);
    }

    /// <summary>The program begins with a message. The publisher's span is the parent.</summary>
    public Activity? StartProcess(MqttSubscription subscription, MqttMessage message)
    {
        if (!Source.HasListeners())
            return null;
        Activity? activity = Source.StartActivity(
            ActivityKind.Consumer, propagates ? message.PublisherContext : default, name: $"process {subscription.Pattern}");
        if (activity is { IsAllDataRequested: true })
        {
            Describe(activity, "process", "process", message.Topic, message.Payload.Length);
            activity.SetTag("messaging.destination.template", subscription.Pattern);
            if (subscription.Options.SharedGroup is { } group)
                activity.SetTag("messaging.consumer.group.name", group);
        }

        return activity;
    }

    public void Processed(MqttSubscription subscription, TimeSpan duration, Activity? activity, Exception? failure)
    {
        string? error = Fail(activity, failure);
        if (!metrics.ProcessDuration.Enabled)
            return;
        TagList tags = Tags("process", error);
        tags.Add("messaging.destination.template", subscription.Pattern);
        metrics.ProcessDuration.Record(duration.TotalSeconds, tags);
    }

    /// <summary>A message was given to the program.</summary>
    public void Consumed(string pattern)
    {
        if (!metrics.Consumed.Enabled)
            return;
        TagList tags = Tags("process", null);
        tags.Add("messaging.destination.template", pattern);
        metrics.Consumed.Add(1, tags);
    }

    public void Reconnected(bool sessionLost)
    {
        TagList tags = ServerTags();
        tags.Add("session_lost", sessionLost);
        metrics.Reconnects.Add(1, tags);
    }

    public void Dropped(string reason, long count = 1)
    {
        if (!metrics.Dropped.Enabled || count == 0)
            return;
        TagList tags = ServerTags();
        tags.Add("reason", reason);
        metrics.Dropped.Add(count, tags);
    }

    private void Describe(Activity activity, string name, string type, string topic, int payloadBytes)
    {
        activity.SetTag("messaging.system", "mqtt");
        activity.SetTag("messaging.operation.name", name);
        activity.SetTag("messaging.operation.type", type);
        activity.SetTag("messaging.destination.name", topic);
        activity.SetTag("messaging.client.id", clientId);
        activity.SetTag("messaging.message.body.size", payloadBytes);
        if (_host is null)
            return;
        activity.SetTag("server.address", _host);
        if (_port is not 0)
            activity.SetTag("server.port", _port);
    }

    private TagList Tags(string operation, string? error)
    {
        TagList tags = ServerTags();
        tags.Add("messaging.operation.name", operation);
        if (error is not null)
            tags.Add("error.type", error);
        return tags;
    }

    private TagList ServerTags()
    {
        var tags = new TagList { { "messaging.system", "mqtt" } };
        if (_host is null)
            return tags;
        tags.Add("server.address", _host);
        if (_port is not 0)
            tags.Add("server.port", _port);
        return tags;
    }

    /// <summary>Notes on a span what went wrong. The kind of failure, by the server's code if there is one.</summary>
    public static string? Fail(Activity? activity, Exception? failure)
    {
        if (failure is null)
            return null;
        string error = failure is MqttException { ReasonCode: { } reason } ? reason.ToString() : failure.GetType().FullName!;
        activity?.SetTag("error.type", error);
        activity?.SetStatus(ActivityStatusCode.Error, failure.Message);
        return error;
    }
}
