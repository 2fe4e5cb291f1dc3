namespace Whimbrel.Protocol.Tests;

/// <summary>One row of the specification's table 2-4, written down a second time and in another form than the production table.</summary>
/// <param name="Id">The identifier.</param>
/// <param name="Good">An acceptable property, identifier included.</param>
/// <param name="Scopes">Where it may stand.</param>
/// <param name="Kind">The type of its value: byte, two, four, varint, text, binary or pair.</param>
internal sealed record PropertyRow(byte Id, string Good, string Scopes, string Kind)
{
    internal bool IsAllowed(PropertyScope scope) => Scopes == "*" || Scopes.Split(' ').Contains(scope.ToString());

    internal bool MayRepeat(PropertyScope scope) => Id == 0x26 || (Id == 0x0B && scope == PropertyScope.Publish);
}

internal static class PropertyTable
{
    internal static readonly PropertyScope[] Scopes = Enum.GetValues<PropertyScope>();

    private const string Acks = "PubAck PubRec PubRel PubComp SubAck UnsubAck";

    internal static readonly PropertyRow[] Rows =
    [
        new(0x01, "01 01", "Publish Will", "byte"),
        new(0x02, "02 00 00 00 00", "Publish Will", "four"),
        new(0x03, "03 `text`", "Publish Will", "text"),
        new(0x08, "08 `a/b`", "Publish Will", "text"),
        new(0x09, "09 00 02 00 FF", "Publish Will", "binary"),
        new(0x0B, "0B FF FF FF 7F", "Publish Subscribe", "varint"),
        new(0x11, "11 FF FF FF FF", "Connect ConnAck Disconnect", "four"),
        new(0x12, "12 `id`", "ConnAck", "text"),
        new(0x13, "13 00 00", "ConnAck", "two"),
        new(0x15, "15 `method`", "Connect ConnAck Auth", "text"),
        new(0x16, "16 00 01 00", "Connect ConnAck Auth", "binary"),
        new(0x17, "17 01", "Connect", "byte"),
        new(0x18, "18 00 00 00 00", "Will", "four"),
        new(0x19, "19 00", "Connect", "byte"),
        new(0x1A, "1A `info`", "ConnAck", "text"),
        new(0x1C, "1C `other`", "ConnAck Disconnect", "text"),
        new(0x1F, "1F `why`", $"ConnAck {Acks} Disconnect Auth", "text"),
        new(0x21, "21 00 01", "Connect ConnAck", "two"),
        new(0x22, "22 00 00", "Connect ConnAck", "two"),
        new(0x23, "23 00 01", "Publish", "two"),
        new(0x24, "24 01", "ConnAck", "byte"),
        new(0x25, "25 00", "ConnAck", "byte"),
        new(0x26, "26 `name` `value`", "*", "pair"),
        new(0x27, "27 00 00 00 01", "Connect ConnAck", "four"),
        new(0x28, "28 01", "ConnAck", "byte"),
        new(0x29, "29 01", "ConnAck", "byte"),
        new(0x2A, "2A 00", "ConnAck", "byte"),
    ];

    /// <summary>Walks over a block; what ended the walk, if anything did.</summary>
    internal static Violation Judge(string block, PropertyScope scope) => Judge(Bytes.Of(block), scope);

    internal static Violation Judge(ReadOnlySpan<byte> block, PropertyScope scope)
    {
        var reader = new PropertyReader(block, scope);
        int count = 0;
        while (reader.TryNext(out _))
        {
            count++;
        }

        Assert.True(count <= block.Length);
        Assert.False(reader.TryNext(out _));
        return reader.Violation;
    }
}
