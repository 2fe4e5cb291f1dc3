namespace Whimbrel.Protocol;

/// <summary>One property as read: a view over the property block. Which members count depends on <see cref="Id"/>.</summary>
public readonly ref struct Property
{
    public PropertyId Id { get; init; }

    internal PropertyKind Kind { get; init; }

    /// <summary>The value of a byte, two-byte, four-byte or variable byte integer property.</summary>
    public uint Number { get; init; }

    /// <summary>UTF-8 text or binary data; the name of a User Property.</summary>
    public ReadOnlySpan<byte> Text { get; init; }

    /// <summary>The value of a User Property.</summary>
    public ReadOnlySpan<byte> Value { get; init; }

    /// <summary>The property's bytes as they stand in the block, identifier included.</summary>
    public ReadOnlySpan<byte> Encoded { get; init; }
}
