using System.Text;

namespace Whimbrel.Protocol;

/// <summary>One User Property: views over the property block, both UTF-8.</summary>
public readonly ref struct UserProperty(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
{
    public ReadOnlySpan<byte> Name { get; } = name;

    public ReadOnlySpan<byte> Value { get; } = value;

    public void Deconstruct(out ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value)
    {
        name = Name;
        value = Value;
    }
}

/// <summary>
/// The User Properties of a block that a parser has accepted, in their order [MQTT-3.1.3-10] [MQTT-3.3.2-18]; other
/// properties are passed over.
/// </summary>
public readonly ref struct UserProperties(ReadOnlySpan<byte> block)
{
    private readonly ReadOnlySpan<byte> _block = block;

    public Enumerator GetEnumerator() => new(_block);

    /// <summary>Encodes pairs as a block that packets take as <c>UserPropertyBlock</c>.</summary>
    /// <exception cref="ArgumentException">A name or value has more than 65,535 bytes, U+0000 or a lone surrogate.</exception>
    public static byte[] Encode(params ReadOnlySpan<KeyValuePair<string, string>> pairs)
    {
        int length = 0;
        foreach (KeyValuePair<string, string> pair in pairs)
        {
            length += 5 + Measure(pair.Key) + Measure(pair.Value);
        }

        byte[] block = new byte[length];
        int at = 0;
        foreach (KeyValuePair<string, string> pair in pairs)
        {
            block[at++] = (byte)PropertyId.UserProperty;
            at = Write(pair.Key, block, at);
            at = Write(pair.Value, block, at);
        }

        return block;
    }

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private static int Measure(string text)
    {
        int length = Strict.GetByteCount(text);
        return length <= ushort.MaxValue && !text.Contains('\0')
            ? length
            : throw new ArgumentException("User Property text has more than 65,535 bytes or contains U+0000.", nameof(text));
    }

    private static int Write(string text, Span<byte> block, int at)
    {
        int length = Strict.GetBytes(text, block[(at + 2)..]);
        block[at] = (byte)(length >> 8);
        block[at + 1] = (byte)length;
        return at + 2 + length;
    }

    public ref struct Enumerator
    {
        private PacketReader _reader;

        internal Enumerator(ReadOnlySpan<byte> block) => _reader = new PacketReader(block);

        public UserProperty Current { get; private set; }

        public bool MoveNext()
        {
            while (_reader.Remaining > 0 && PropertyDecoder.TryRead(ref _reader, out Property property))
            {
                if (property.Id == PropertyId.UserProperty)
                {
                    Current = new UserProperty(property.Text, property.Value);
                    return true;
                }
            }

            return false;
        }
    }
}
