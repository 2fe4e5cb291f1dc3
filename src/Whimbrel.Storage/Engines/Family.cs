namespace Whimbrel.Storage;

/// <summary>A key space of the engine. Each has settings of its own, because each is written and read in its own way.</summary>
internal enum Family : byte
{
    /// <summary>Small records that are overwritten: sessions, subscriptions, wills, acknowledgements, packet identifiers, the store's own.</summary>
    State,

    /// <summary>Queued messages: written once, removed once.</summary>
    Messages,

    /// <summary>Retained messages by topic.</summary>
    Retained,
}
