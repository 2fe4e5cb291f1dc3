using System.Text;
using Whimbrel.Protocol;

namespace Whimbrel.Client.Engine;

/// <summary>What SUBSCRIBE says about a filter beside the filter.</summary>
/// <param name="Options">QoS and what MQTT 5.0 adds to it.</param>
/// <param name="Identifier">The program's own, or null.</param>
/// <param name="UserProperties">Encoded.</param>
internal readonly record struct SubscriptionTerms(SubscriptionOptions Options, uint? Identifier = null, byte[]? UserProperties = null);

/// <summary>One subscription as the server has it, shared by everybody here who asked for the same filter.</summary>
internal sealed class BrokerSubscription(string filter, byte[] encoded, uint identifier, in SubscriptionTerms terms)
{
    /// <summary>As it stands in SUBSCRIBE, the share's name included.</summary>
    public string Filter { get; } = filter;

    public byte[] Encoded { get; } = encoded;

    /// <summary>The filter without the share's name: what topics are matched against.</summary>
    public byte[] Pattern { get; } = PatternOf(encoded);

    public bool IsShared => Pattern.Length != Encoded.Length;

    public uint Identifier { get; } = identifier;

    public SubscriptionTerms Terms { get; set; } = terms;

    public SubscriptionOptions Options => Terms.Options;

    public ISubscriber[] Subscribers { get; set; } = [];

    /// <summary>Those for whom the last SUBSCRIBE was sent: retained messages are theirs.</summary>
    public ISubscriber[] Newcomers { get; set; } = [];

    /// <summary>Waits for SUBACK or for a connection.</summary>
    public SubscribeTicket? Ticket { get; set; }

    public static byte[] Encode(string filter)
    {
        byte[] encoded = Encoding.UTF8.GetBytes(filter);
        return TopicFilter.TryParse(encoded, out _) ? encoded : throw new ArgumentException($"'{filter}' is not a topic filter.", nameof(filter));
    }

    private static byte[] PatternOf(byte[] encoded)
    {
        _ = TopicFilter.TryParse(encoded, out TopicFilter parsed);
        return parsed.Pattern.ToArray();
    }
}

/// <summary>One SUBSCRIBE or UNSUBSCRIBE that is to be answered.</summary>
internal sealed class SubscribeTicket(BrokerSubscription subscription, bool isUnsubscribe)
{
    private readonly TaskCompletionSource<ReasonCode> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public BrokerSubscription Subscription { get; } = subscription;

    public bool IsUnsubscribe { get; } = isUnsubscribe;

    /// <summary>One for the same filter that was sent before and is answered with this one.</summary>
    public SubscribeTicket? Before { get; init; }

    /// <summary>Nobody asked for it just now: the server had forgotten.</summary>
    public bool IsRenewal { get; init; }

    public Task<ReasonCode> Answer => _answer.Task;

    public void Complete(ReasonCode reason) => _answer.TrySetResult(reason);

    public void Fail(Exception exception) => _answer.TrySetException(exception);
}
