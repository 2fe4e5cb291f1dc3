namespace Whimbrel.Crash.Judging;

/// <summary>What has become of one message, with the moments as the checker counts them.</summary>
internal sealed class Fate(Message message, long sentAt)
{
    public Message Message => message;

    public long FirstSent { get; } = sentAt;

    public long LastSent { get; set; } = sentAt;

    public long AcknowledgedAt { get; set; } = long.MaxValue;

    /// <summary>From here on the broker may not route it any more.</summary>
    public long SettledAt { get; set; } = long.MaxValue;

    /// <summary>It is a will that must never be published.</summary>
    public bool IsCancelled { get; set; }

    public int Receipts { get; set; }
}
