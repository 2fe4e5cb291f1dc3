using Whimbrel.Protocol;

namespace Whimbrel.Crash.Judging;

/// <summary>
/// Something that a client did or saw. What a client does is told before its bytes leave, what it sees after they came: so if one happening
/// stands before another, the broker cannot have met them the other way round.
/// </summary>
internal abstract record Happening(string Client)
{
    /// <param name="Client">Who.</param>
    /// <param name="IsClean">Ends whatever session there is.</param>
    /// <param name="IsDurable">The session is to survive its connection.</param>
    public sealed record Connecting(string Client, bool IsClean, bool IsDurable) : Happening(Client);

    public sealed record Connected(string Client, bool SessionPresent) : Happening(Client);

    public sealed record Subscribing(string Client, string Filter) : Happening(Client);

    public sealed record Subscribed(string Client, string Filter) : Happening(Client);

    public sealed record Unsubscribing(string Client, string Filter) : Happening(Client);

    public sealed record Unsubscribed(string Client, string Filter) : Happening(Client);

    /// <summary>A PUBLISH leaves, be it the first or sent again; or a CONNECT with the message as its will.</summary>
    public sealed record Publishing(string Client, Message Message) : Happening(Client)
    {
        public override string ToString() => $"Publishing {{ {Client}, {Message.Number} on {Message.Topic}, {Message.QoS}, {Message.Size} bytes }}";
    }

    /// <summary>PUBACK or PUBREC: from here on the message is the broker's.</summary>
    public sealed record Acknowledged(string Client, int Number) : Happening(Client);

    /// <summary>PUBCOMP: the broker routes this message no more.</summary>
    public sealed record Completed(string Client, int Number) : Happening(Client);

    /// <summary>The client has gone without a word and stays away: its will is owed.</summary>
    public sealed record WillDue(string Client, int Number) : Happening(Client);

    /// <summary>The client came back before its will was due.</summary>
    public sealed record WillCancelled(string Client, int Number) : Happening(Client);

    /// <summary>The application of this client was handed a message. What the protocol itself filters out as sent twice is not told.</summary>
    public sealed record Received(string Client, string Topic, string Payload, QoS QoS, bool Retain) : Happening(Client)
    {
        public override string ToString() => $"Received {{ {Client}, {Message.NumberIn(Payload)} on {Topic}, {QoS}{(Retain ? ", retained" : "")}, {Payload.Length} bytes }}";
    }

    /// <summary>This client has subscribed to everything in a session of its own, and has been shown all that is retained.</summary>
    public sealed record RetainedShown(string Client) : Happening(Client);

    /// <summary>A packet broke a rule that its receiver can judge alone.</summary>
    public sealed record Breach(string Client, ViolationKind Kind, string Text) : Happening(Client);

    public sealed record Killed() : Happening("broker");

    public sealed record Started() : Happening("broker");
}
