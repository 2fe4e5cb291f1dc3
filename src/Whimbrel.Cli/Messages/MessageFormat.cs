using System.Buffers;
using System.Globalization;
using System.Text;
using Whimbrel.Protocol;

namespace Whimbrel.Cli.Messages;

/// <summary>
/// mosquitto_sub's format strings, <c>-F</c>: <c>%</c> and a field of the message, <c>@</c> and a conversion of strftime, <c>\</c>
/// and an escape. Compiled once, then written per message without allocating for the common fields.
/// </summary>
internal sealed class MessageFormat
{
    // What may carry flags, width and maximum, as in %-20.10t.
    private const string Padded = "ACEFIlmpRStxXdfqrU";
    private const string Fields = Padded + "DPjJ%";

    private readonly List<Part> _parts = [];
    private readonly bool _pretty;

    private MessageFormat(bool pretty) => _pretty = pretty;

    /// <exception cref="FormatException">The string has a sequence that does not exist; the message says which.</exception>
    public static MessageFormat Parse(string text, bool pretty = false)
    {
        var format = new MessageFormat(pretty);
        var literal = new StringBuilder();
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (c is not ('%' or '@' or '\\'))
            {
                literal.Append(c);
                continue;
            }

            if (++i == text.Length)
                throw new FormatException($"the format ends after '{c}'");
            switch (c)
            {
                case '\\':
                    literal.Append(Escape(text[i]));
                    break;
                case '@' when text[i] == '@':
                    literal.Append('@');
                    break;
                case '@':
                    if (TimeFormat.Format(text[i], DateTimeOffset.UnixEpoch) is null)
                        throw new FormatException($"there is no time conversion '@{text[i]}'");
                    format.Add(literal, new Part { Kind = '@', Conversion = text[i] });
                    break;
                case '%' when text[i] == '%':
                    literal.Append('%');
                    break;
                default:
                    format.Add(literal, ReadField(text, ref i));
                    break;
            }
        }

        format.Add(literal, null);
        return format;
    }

    /// <returns>False if <c>%J</c> met a payload that is not JSON: then the message is to be left out.</returns>
    public bool TryWrite(IBufferWriter<byte> output, in ReceivedMessage message)
    {
        if (_parts.Exists(p => p.Kind == 'J') && !MessageJson.IsJson(message.Payload))
            return false;
        foreach (var part in _parts)
            Write(output, part, message);
        return true;
    }

    private static Part ReadField(string text, ref int i)
    {
        int start = i - 1;
        bool zero = false;
        bool left = false;
        for (; i < text.Length && text[i] is '0' or '-'; i++)
        {
            zero |= text[i] == '0';
            left |= text[i] == '-';
        }

        int width = ReadNumber(text, ref i) ?? 0;
        int? maximum = null;
        if (i < text.Length && text[i] == '.')
        {
            i++;
            maximum = ReadNumber(text, ref i) ?? 0;
        }

        if (i >= text.Length)
            throw new FormatException($"'{text[start..]}' names no field");
        char field = text[i];
        if (!Fields.Contains(field, StringComparison.Ordinal))
            throw new FormatException($"there is no field '%{field}' in '{text[start..(i + 1)]}'");
        if (i > start + 1 && !Padded.Contains(field, StringComparison.Ordinal))
            throw new FormatException($"'%{field}' takes no width: '{text[start..(i + 1)]}'");
        return new Part { Kind = field, IsLeft = left, IsZero = zero && !left, Width = width, Maximum = maximum };
    }

    private static int? ReadNumber(string text, ref int i)
    {
        int from = i;
        while (i < text.Length && char.IsAsciiDigit(text[i]))
            i++;
        if (i == from)
            return null;
        return int.TryParse(text.AsSpan(from, i - from), NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number <= 10_000
            ? number
            : throw new FormatException($"the width '{text[from..i]}' is not below 10000");
    }

    private static char Escape(char c) => c switch
    {
        '\\' => '\\',
        '0' => '\0',
        'a' => '\a',
        'e' => '\e',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\v',
        _ => throw new FormatException($"there is no escape '\\{c}'"),
    };

    private void Write(IBufferWriter<byte> output, in Part part, in ReceivedMessage message)
    {
        switch (part.Kind)
        {
            case '\0':
                output.Write(part.Literal);
                break;
            case '@':
                WriteText(output, TimeFormat.Format(part.Conversion, message.At)!);
                break;
            case 'p':
                WritePadded(output, part with { Maximum = null }, message.Payload, isNumber: false);
                break;
            case 't':
                WritePadded(output, part, message.Topic, isNumber: false);
                break;
            case 'q':
                WriteNumber(output, part, (uint)message.QoS);
                break;
            case 'r':
                WriteNumber(output, part, message.Retain ? 1u : 0u);
                break;
            case 'm':
                WriteNumber(output, part, message.PacketId);
                break;
            case 'l':
                WriteNumber(output, part, message.Payload.Length);
                break;
            case 'x' or 'X':
                WriteHex(output, part, message.Payload);
                break;
            case 'd' or 'f':
                WriteFloat(output, part, message.Payload);
                break;
            case 'I':
                WriteText(output, part, message.At.ToString("yyyy-MM-dd'T'HH:mm:ss", CultureInfo.InvariantCulture) + MessageJson.Offset(message.At));
                break;
            case 'U':
                WriteText(output, part, $"{TimeFormat.Format('s', message.At)}.{TimeFormat.Format('N', message.At)}");
                break;
            case 'j':
                MessageJson.Write(output, message, payloadIsJson: false, _pretty);
                break;
            case 'J':
                MessageJson.Write(output, message, payloadIsJson: true, _pretty);
                break;
            default:
                WriteProperty(output, part, message);
                break;
        }
    }

    private static void WriteProperty(IBufferWriter<byte> output, in Part part, in ReceivedMessage message)
    {
        switch (part.Kind)
        {
            case 'A' when message.TryFind(PropertyId.TopicAlias, out var alias):
                WriteNumber(output, part, alias.Number);
                break;
            case 'E' when message.TryFind(PropertyId.MessageExpiryInterval, out var expiry):
                WriteNumber(output, part, expiry.Number);
                break;
            case 'F' when message.TryFind(PropertyId.PayloadFormatIndicator, out var format):
                WriteNumber(output, part, format.Number);
                break;
            case 'S' when message.SubscriptionIdentifiers is { Count: > 0 } identifiers:
                WriteText(output, part, string.Join(' ', identifiers));
                break;
            case 'C' when message.TryFind(PropertyId.ContentType, out var type):
                WritePadded(output, part, type.Text, isNumber: false);
                break;
            case 'R' when message.TryFind(PropertyId.ResponseTopic, out var response):
                WritePadded(output, part, response.Text, isNumber: false);
                break;
            case 'D' when message.TryFind(PropertyId.CorrelationData, out var correlation):
                output.Write(correlation.Text);
                break;
            case 'D':
                break;
            case 'P':
                bool isFirst = true;
                foreach (var property in message.UserProperties)
                {
                    if (!isFirst)
                        output.Write(" "u8);
                    isFirst = false;
                    output.Write(property.Name);
                    output.Write(":"u8);
                    output.Write(property.Value);
                }

                break;
            default:
                // Absent: the width is kept all the same, with zeros where a number would have them.
                WritePadded(output, part, default, isNumber: part.Kind is 'A' or 'E' or 'F' or 'S');
                break;
        }
    }

    private static void WriteHex(IBufferWriter<byte> output, in Part part, ReadOnlySpan<byte> payload)
    {
        bool upper = part.Kind == 'X';
        string hex = upper ? Convert.ToHexString(payload) : Convert.ToHexStringLower(payload);
        WritePadded(output, part with { Maximum = null }, Encoding.ASCII.GetBytes(hex), isNumber: true);
    }

    /// <summary>The payload as a floating point number: 8 or 4 bytes in this machine's order, or digits; otherwise nothing.</summary>
    private static void WriteFloat(IBufferWriter<byte> output, in Part part, ReadOnlySpan<byte> payload)
    {
        double number;
        if (System.Buffers.Text.Utf8Parser.TryParse(payload, out double text, out int used) && used == payload.Length)
            number = text;
        else if (payload.Length == sizeof(double))
            number = BitConverter.ToDouble(payload);
        else if (payload.Length == sizeof(float))
            number = BitConverter.ToSingle(payload);
        else
            return;
        string shown = part.Maximum is { } digits
            ? number.ToString($"F{digits}", CultureInfo.InvariantCulture)
            : number.ToString(CultureInfo.InvariantCulture);
        WritePadded(output, part with { Maximum = null }, Encoding.ASCII.GetBytes(shown), isNumber: true);
    }

    private static void WriteNumber(IBufferWriter<byte> output, in Part part, long number)
    {
        Span<byte> digits = stackalloc byte[20];
        number.TryFormat(digits, out int count, default, CultureInfo.InvariantCulture);
        WritePadded(output, part with { Maximum = null }, digits[..count], isNumber: true);
    }

    private static void WriteText(IBufferWriter<byte> output, in Part part, string text) =>
        WritePadded(output, part, Encoding.UTF8.GetBytes(text), isNumber: false);

    private static void WriteText(IBufferWriter<byte> output, string text) => output.Write(Encoding.UTF8.GetBytes(text));

    private static void WritePadded(IBufferWriter<byte> output, in Part part, ReadOnlySpan<byte> text, bool isNumber)
    {
        if (part.Maximum is { } maximum && maximum < text.Length)
            text = text[..maximum];
        int missing = part.Width - text.Length;
        if (missing > 0 && !part.IsLeft)
            Fill(output, part.IsZero && isNumber ? (byte)'0' : (byte)' ', missing);
        output.Write(text);
        if (missing > 0 && part.IsLeft)
            Fill(output, (byte)' ', missing);
    }

    private static void Fill(IBufferWriter<byte> output, byte with, int count)
    {
        output.GetSpan(count)[..count].Fill(with);
        output.Advance(count);
    }

    private void Add(StringBuilder literal, Part? part)
    {
        if (literal.Length > 0)
        {
            _parts.Add(new Part { Literal = Encoding.UTF8.GetBytes(literal.ToString()) });
            literal.Clear();
        }

        if (part is { } field)
            _parts.Add(field);
    }

    /// <summary>A literal (kind 0), a time conversion (kind @) or a field.</summary>
    private readonly record struct Part
    {
        public char Kind { get; init; }

        public byte[]? Literal { get; init; }

        public char Conversion { get; init; }

        public bool IsLeft { get; init; }

        public bool IsZero { get; init; }

        public int Width { get; init; }

        public int? Maximum { get; init; }
    }
}
