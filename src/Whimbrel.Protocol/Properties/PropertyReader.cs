namespace Whimbrel.Protocol;

/// <summary>
/// Walks over a property block and holds it to the rules of its place: known, allowed here, not repeated, well-formed,
/// in range. Ends at the block's end or at the first violation; look at <see cref="Violation"/> after the loop.
/// </summary>
public ref struct PropertyReader(ReadOnlySpan<byte> block, PropertyScope scope)
{
    private readonly PropertyScope _scope = scope;
    private PacketReader _reader = new(block);
    private ulong _seen;

    /// <summary>What ended the walk early; none if every property was acceptable.</summary>
    public Violation Violation { get; private set; }

    /// <summary>The first property of that name in a block that was read before and found in order.</summary>
    public static bool TryFind(ReadOnlySpan<byte> block, PropertyScope scope, PropertyId id, out Property found)
    {
        var reader = new PropertyReader(block, scope);
        while (reader.TryNext(out found))
        {
            if (found.Id == id)
            {
                return true;
            }
        }

        found = default;
        return false;
    }

    public bool TryNext(out Property property)
    {
        if (_reader.Remaining == 0 || !Violation.IsNone)
        {
            property = default;
            return false;
        }

        if (!PropertyDecoder.TryRead(ref _reader, out property))
        {
            Violation = Violation.Malformed("Property is unknown or cut off");
            return false;
        }

        Violation = Check(property, _scope, ref _seen);
        return Violation.IsNone;
    }

    private static Violation Check(in Property property, PropertyScope scope, ref ulong seen)
    {
        if (!PropertyRules.IsAllowed(property.Id, scope))
        {
            return Violation.Malformed("Property is not allowed in this packet");
        }

        ulong bit = 1UL << (int)property.Id;
        if ((seen & bit) != 0 && !PropertyRules.MayRepeat(property.Id, scope))
        {
            return Violation.Protocol("Property is included more than once");
        }

        seen |= bit;
        switch (property.Kind)
        {
            case PropertyKind.Utf8 when !Utf8Rules.IsValid(property.Text):
            case PropertyKind.Utf8Pair when !Utf8Rules.IsValid(property.Text) || !Utf8Rules.IsValid(property.Value):
                return Violation.Malformed("Property text is not acceptable UTF-8");
            default:
                return PropertyRules.CheckValue(property);
        }
    }

    /// <summary>Walks to the end for the rules alone.</summary>
    internal static bool IsAcceptable(ReadOnlySpan<byte> block, PropertyScope scope, out Violation violation)
    {
        var reader = new PropertyReader(block, scope);
        while (reader.TryNext(out _))
        {
        }

        violation = reader.Violation;
        return violation.IsNone;
    }
}
