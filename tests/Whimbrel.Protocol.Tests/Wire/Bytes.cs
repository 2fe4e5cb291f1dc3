using System.Text;

namespace Whimbrel.Protocol.Tests;

/// <summary>
/// Literal packets: hex pairs, 'text' as it is, `text` behind its two-byte length, [ ] around what a variable byte integer
/// counts, blanks between.
/// </summary>
internal static class Bytes
{
    internal static byte[] Of(string text)
    {
        int at = 0;
        return Read(text, ref at);
    }

    private static byte[] Read(string text, ref int at)
    {
        var bytes = new List<byte>();
        while (at < text.Length)
        {
            char next = text[at];
            if (next == ']')
            {
                at++;
                return [.. bytes];
            }

            if (next == '[')
            {
                at++;
                byte[] group = Read(text, ref at);
                byte[] length = new byte[4];
                var writer = new PacketWriter(length);
                writer.WriteVariableByteInteger((uint)group.Length);
                bytes.AddRange(length[..writer.Written]);
                bytes.AddRange(group);
            }
            else if (next is '\'' or '`')
            {
                int end = text.IndexOf(next, at + 1);
                byte[] letters = Encoding.UTF8.GetBytes(text[(at + 1)..end]);
                if (next == '`')
                {
                    bytes.Add((byte)(letters.Length >> 8));
                    bytes.Add((byte)letters.Length);
                }

                bytes.AddRange(letters);
                at = end + 1;
            }
            else if (char.IsWhiteSpace(next))
            {
                at++;
            }
            else
            {
                bytes.Add(Convert.ToByte(text.Substring(at, 2), 16));
                at += 2;
            }
        }

        return [.. bytes];
    }

    /// <summary>A packet of the given first byte and body; the Remaining Length is put between.</summary>
    internal static byte[] Packet(byte first, params byte[] body)
    {
        byte[] packet = new byte[5 + body.Length];
        var writer = new PacketWriter(packet);
        writer.WriteByte(first);
        writer.WriteVariableByteInteger((uint)body.Length);
        writer.WriteRaw(body);
        return packet[..writer.Written];
    }

    internal static byte[] Text(int length, byte letter = (byte)'x')
    {
        byte[] text = new byte[length];
        Array.Fill(text, letter);
        return text;
    }

    internal static string Show(ReadOnlySpan<byte> bytes) => Convert.ToHexString(bytes);
}
