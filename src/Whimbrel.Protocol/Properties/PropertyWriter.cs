namespace Whimbrel.Protocol;

/// <summary>
/// Writes a property block, or only measures it: a packet lists its properties once, in one method that serves both.
/// Rules of place and range are the caller's.
/// </summary>
public ref struct PropertyWriter
{
    private readonly bool _isWriting;
    private PacketWriter _writer;
    private int _measured;

    /// <summary>Writes into <paramref name="destination"/>; <c>default</c> or no argument only measures.</summary>
    public PropertyWriter(Span<byte> destination)
    {
        _writer = new PacketWriter(destination);
        _isWriting = true;
    }

    /// <summary>Bytes written, or bytes that would be.</summary>
    public readonly int Length => _isWriting ? _writer.Written : _measured;

    /// <summary>Adds a property of a number type, in the width that <paramref name="id"/> has.</summary>
    public void Add(PropertyId id, uint number)
    {
        PropertyKind kind = PropertyRules.Kind(id);
        if (!_isWriting)
        {
            _measured += 1 + kind switch
            {
                PropertyKind.Byte => 1,
                PropertyKind.UInt16 => 2,
                PropertyKind.UInt32 => 4,
                _ => PacketWriter.VariableByteIntegerLength(number),
            };
            return;
        }

        _writer.WriteByte((byte)id);
        switch (kind)
        {
            case PropertyKind.Byte:
                _writer.WriteByte((byte)number);
                break;
            case PropertyKind.UInt16:
                _writer.WriteUInt16((ushort)number);
                break;
            case PropertyKind.UInt32:
                _writer.WriteUInt32(number);
                break;
            default:
                _writer.WriteVariableByteInteger(number);
                break;
        }
    }

    /// <summary>Adds UTF-8 text or binary data, empty or not.</summary>
    public void Add(PropertyId id, scoped ReadOnlySpan<byte> text)
    {
        if (!_isWriting)
        {
            _measured += 3 + text.Length;
            return;
        }

        _writer.WriteByte((byte)id);
        _writer.WriteBinary(text);
    }

    public void AddUserProperty(scoped ReadOnlySpan<byte> name, scoped ReadOnlySpan<byte> value)
    {
        if (!_isWriting)
        {
            _measured += 5 + name.Length + value.Length;
            return;
        }

        _writer.WriteByte((byte)PropertyId.UserProperty);
        _writer.WriteUtf8(name);
        _writer.WriteUtf8(value);
    }

    /// <summary>Adds properties that are encoded already.</summary>
    public void AddEncoded(scoped ReadOnlySpan<byte> properties)
    {
        if (!_isWriting)
        {
            _measured += properties.Length;
            return;
        }

        _writer.WriteRaw(properties);
    }

    internal void AddIfSet(PropertyId id, uint? number)
    {
        if (number is { } value)
        {
            Add(id, value);
        }
    }

    internal void AddIfSet(PropertyId id, bool? flag)
    {
        if (flag is { } value)
        {
            Add(id, value ? 1u : 0u);
        }
    }

    internal void AddUnlessEmpty(PropertyId id, scoped ReadOnlySpan<byte> text)
    {
        if (!text.IsEmpty)
        {
            Add(id, text);
        }
    }

    /// <summary>Adds a text that may be empty and yet present; one that is not empty needs no flag to be written.</summary>
    internal void AddIfHas(bool has, PropertyId id, scoped ReadOnlySpan<byte> text)
    {
        if (has || !text.IsEmpty)
        {
            Add(id, text);
        }
    }

    /// <summary>Adds what <see cref="ForwardableProperties"/> keeps of <paramref name="block"/>.</summary>
    internal void AddForwardable(scoped ReadOnlySpan<byte> block)
    {
        var reader = new PacketReader(block);
        while (reader.Remaining > 0 && PropertyDecoder.TryRead(ref reader, out Property property))
        {
            if (ForwardableProperties.IsForwardable(property.Id))
            {
                AddEncoded(property.Encoded);
            }
        }
    }

    /// <summary>
    /// Adds the User Properties of <paramref name="block"/> and nothing else of it, so that a block as received can be
    /// written again: the packet's own fields say the rest.
    /// </summary>
    internal void AddUserProperties(scoped ReadOnlySpan<byte> block)
    {
        var reader = new PacketReader(block);
        while (reader.Remaining > 0 && PropertyDecoder.TryRead(ref reader, out Property property))
        {
            if (property.Id == PropertyId.UserProperty)
            {
                AddEncoded(property.Encoded);
            }
        }
    }
}
