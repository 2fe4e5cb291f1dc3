namespace Whimbrel.Broker;

/// <summary>Why a message, or one receiver's copy of it, was dropped. Each has its own counter and log line.</summary>
public enum DropReason : byte
{
    /// <summary>Its message expiry interval passed before delivery began [MQTT-3.3.2-5].</summary>
    Expired,

    /// <summary>The session's outbox was full and its policy is to drop the oldest.</summary>
    OutboxFullOldest,

    /// <summary>The session's outbox was full and its policy is to drop the newest, or the message alone exceeds the outbox.</summary>
    OutboxFullNewest,

    /// <summary>QoS 0 for a session without a connection.</summary>
    Offline,

    /// <summary>QoS 0 for a client that does not read as fast as it is sent to.</summary>
    SlowReader,

    /// <summary>The packet would exceed the client's Maximum Packet Size [MQTT-3.1.2-24, MQTT-3.1.2-25].</summary>
    PacketTooLarge,

    /// <summary>The publisher may not publish to the topic.</summary>
    PublishNotAuthorized,

    /// <summary>The subscriber may not receive the topic.</summary>
    ReceiveNotAuthorized,

    /// <summary>The session ended with the message still queued or in flight.</summary>
    SessionEnded,

    /// <summary>The client refused it with an error reason in PUBACK or PUBREC.</summary>
    RefusedByClient,

    /// <summary>The store of retained messages is at its limit; the message was not retained.</summary>
    RetainedFull,

    /// <summary>The connection ended while the permission to publish it was being asked for (QoS 0).</summary>
    LinkLost,

    /// <summary>The embedding program's handler did not keep up.</summary>
    HandlerFull,

    /// <summary>The message would have had to be stored, and the data directory's disk is full. Its publisher was told.</summary>
    StoreFull,
}
