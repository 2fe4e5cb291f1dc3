using Whimbrel.Tests;

namespace Whimbrel.Protocol.Tests;

public class CursorTests
{
    public static TheoryData<uint, string> Borders => new()
    {
        { 0, "00" },
        { 1, "01" },
        { 127, "7F" },
        { 128, "80 01" },
        { 321, "C1 02" },
        { 16_383, "FF 7F" },
        { 16_384, "80 80 01" },
        { 2_097_151, "FF FF 7F" },
        { 2_097_152, "80 80 80 01" },
        { 268_435_455, "FF FF FF 7F" },
    };

    [Theory]
    [MemberData(nameof(Borders))]
    [Clause("MQTT-1.5.5-1")]
    public void A_variable_byte_integer_has_the_fewest_bytes(uint value, string encoded)
    {
        byte[] bytes = Bytes.Of(encoded);
        byte[] written = new byte[4];
        var writer = new PacketWriter(written);
        writer.WriteVariableByteInteger(value);
        Assert.Equal(bytes, written[..writer.Written]);
        Assert.Equal(bytes.Length, PacketWriter.VariableByteIntegerLength(value));

        var reader = new PacketReader([.. bytes, 0xAA]);
        Assert.True(reader.TryReadVariableByteInteger(out uint read));
        Assert.Equal(value, read);
        Assert.Equal(1, reader.Remaining);
        for (int length = 0; length < bytes.Length; length++)
        {
            Assert.False(new PacketReader(bytes.AsSpan(0, length)).TryReadVariableByteInteger(out _));
        }
    }

    [Theory]
    [Clause("MQTT-1.5.5-1")]
    [InlineData("80 00")]
    [InlineData("80 80 00")]
    [InlineData("FF 80 80 00")]
    [InlineData("80 80 80 80 01")]
    [InlineData("FF FF FF FF")]
    public void A_variable_byte_integer_too_long_is_not_read(string encoded) =>
        Assert.False(new PacketReader(Bytes.Of(encoded)).TryReadVariableByteInteger(out _));

    [Fact]
    public void A_number_that_no_variable_byte_integer_holds_is_not_written()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => PacketWriter.VariableByteIntegerLength(268_435_456));
        Assert.Throws<ArgumentOutOfRangeException>(() => new PacketWriter(new byte[8]).WriteVariableByteInteger(268_435_456));
    }

    [Fact]
    public void Integers_are_big_endian()
    {
        byte[] bytes = new byte[7];
        var writer = new PacketWriter(bytes);
        writer.WriteByte(0x01);
        writer.WriteUInt16(0x0203);
        writer.WriteUInt32(0x04050607);
        Assert.Equal(7, writer.Written);
        Assert.Equal(Bytes.Of("01 02 03 04 05 06 07"), bytes);

        var reader = new PacketReader(bytes);
        Assert.True(reader.TryReadByte(out byte one));
        Assert.True(reader.TryReadUInt16(out ushort two));
        Assert.True(reader.TryReadUInt32(out uint four));
        Assert.Equal(0x01, one);
        Assert.Equal(0x0203, two);
        Assert.Equal(0x04050607u, four);
        Assert.Equal(0, reader.Remaining);
        Assert.False(reader.TryReadByte(out _));
        Assert.False(reader.TryReadUInt16(out _));
        Assert.False(reader.TryReadUInt32(out _));
    }

    [Fact]
    public void Integers_cut_short_are_not_read()
    {
        Assert.False(new PacketReader([1]).TryReadUInt16(out _));
        Assert.False(new PacketReader([1, 2, 3]).TryReadUInt32(out _));
    }

    [Fact]
    public void Binary_and_text_stand_behind_two_bytes_of_length()
    {
        byte[] bytes = new byte[12];
        var writer = new PacketWriter(bytes);
        writer.WriteUtf8("a\u00e9"u8);
        writer.WriteBinary([0x00, 0xFF]);
        writer.WriteRaw([0x07]);
        writer.WriteBinary([]);
        Assert.Equal(Bytes.Of("00 03 61 C3 A9 00 02 00 FF 07 00 00"), bytes);

        var reader = new PacketReader(bytes);
        Assert.True(reader.TryReadUtf8(out ReadOnlySpan<byte> text));
        Assert.Equal("a\u00e9"u8, text);
        Assert.True(reader.TryReadBinary(out ReadOnlySpan<byte> binary));
        Assert.Equal(Bytes.Of("00 FF"), binary);
        Assert.True(reader.TryReadRaw(1, out ReadOnlySpan<byte> raw));
        Assert.Equal(Bytes.Of("07"), raw);
        Assert.True(reader.TryReadBinary(out binary));
        Assert.True(binary.IsEmpty);
        Assert.False(reader.TryReadRaw(1, out _));
        Assert.False(reader.TryReadRaw(-1, out _));
    }

    [Fact]
    public void A_length_beyond_the_end_is_not_read()
    {
        byte[] bytes = Bytes.Of("00 04 'abc'");
        for (int length = 0; length <= bytes.Length; length++)
        {
            Assert.False(new PacketReader(bytes.AsSpan(0, length)).TryReadBinary(out _));
            Assert.False(new PacketReader(bytes.AsSpan(0, length)).TryReadUtf8(out _));
        }
    }

    [Fact]
    public void A_text_of_65535_bytes_is_the_longest()
    {
        byte[] bytes = new byte[2 + 65_535];
        var writer = new PacketWriter(bytes);
        writer.WriteUtf8(Bytes.Text(65_535));
        Assert.True(new PacketReader(bytes).TryReadUtf8(out ReadOnlySpan<byte> text));
        Assert.Equal(65_535, text.Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => new PacketWriter(new byte[70_000]).WriteUtf8(Bytes.Text(65_536)));
    }

    [Fact]
    public void A_property_block_is_as_long_as_it_says()
    {
        var reader = new PacketReader(Bytes.Of("02 01 01 'rest'"));
        Assert.True(reader.TryReadPropertyBlock(out ReadOnlySpan<byte> block));
        Assert.Equal(Bytes.Of("01 01"), block);
        Assert.Equal("rest"u8, reader.Rest);
        Assert.False(new PacketReader(Bytes.Of("03 01 01")).TryReadPropertyBlock(out _));
        Assert.False(new PacketReader(Bytes.Of("FF FF FF 7F 00")).TryReadPropertyBlock(out _));
    }
}
