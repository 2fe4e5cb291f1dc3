using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Whimbrel.Server;

/// <summary>
/// Reads one JSON file against the table of settings: hands every known key's value on and notes everything that is wrong, with
/// its place. Only broken syntax ends the reading early.
/// </summary>
internal sealed class ConfigurationFile(string source, Action<Setting, SettingValue> apply, List<ConfigurationProblem> problems)
{
    private readonly Dictionary<string, int> _linesByKey = [];
    private byte[] _json = [];

    // How far positions have been turned into lines and columns; they only ever move forward.
    private int _at;
    private int _line = 1;
    private int _column = 1;

    public void Read(byte[] json)
    {
        _json = json.AsSpan().StartsWith("\uFEFF"u8) ? json[3..] : json;
        if (!Utf8.IsValid(_json))
        {
            Note(FirstInvalidByte(), null, "is not UTF-8 text from here on");
            return;
        }

        var reader = new Utf8JsonReader(_json, new JsonReaderOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
        try
        {
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            {
                Note((int)reader.TokenStartIndex, null, "must be one object: { ... }");
                return;
            }

            ReadSection(ref reader, "");
            reader.Read();
        }
        catch (JsonException e)
        {
            NoteSyntax(e);
        }
    }

    private void ReadSection(ref Utf8JsonReader reader, string section)
    {
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            string name = reader.GetString()!;
            string key = section.Length == 0 ? name : $"{section}.{name}";
            var (line, column) = Locate((int)reader.TokenStartIndex);
            reader.Read();

            if (!_linesByKey.TryAdd(key, line))
            {
                problems.Add(new ConfigurationProblem(source, line, column, key, $"given twice: line {_linesByKey[key]} has it too"));
                reader.Skip();
            }
            else if (!key.AsSpan(section.Length == 0 ? 0 : section.Length + 1).Contains('.') && Settings.Find(key) is { } setting)
            {
                apply(setting, ReadValue(ref reader));
            }
            else if (!name.Contains('.', StringComparison.Ordinal) && Settings.IsSection(key))
            {
                if (reader.TokenType == JsonTokenType.StartObject)
                {
                    ReadSection(ref reader, key);
                    continue;
                }

                var value = ReadValue(ref reader);
                var inside = Settings.All.Where(s => SettingNames.Section(s.Key) == key).Select(s => SettingNames.Leaf(s.Key)).First();
                string what = $"must be an object such as {{ \"{inside}\": ... }}, not {value}";
                problems.Add(new ConfigurationProblem(source, value.Line, value.Column, key, what));
            }
            else
            {
                problems.Add(new ConfigurationProblem(source, line, column, key, "unknown key", Settings.Suggest(key)));
                reader.Skip();
            }
        }
    }

    private SettingValue ReadValue(ref Utf8JsonReader reader)
    {
        var (line, column) = Locate((int)reader.TokenStartIndex);
        SettingValue value;
        switch (reader.TokenType)
        {
            case JsonTokenType.Null:
                value = SettingValue.Of(null as string);
                break;
            case JsonTokenType.True or JsonTokenType.False:
                value = SettingValue.Of(reader.GetBoolean());
                break;
            case JsonTokenType.String:
                value = SettingValue.Of(reader.GetString());
                break;
            case JsonTokenType.Number:
                value = reader.TryGetInt64(out long number)
                    ? SettingValue.Of(number)
                    : SettingValue.OfOtherNumber(Encoding.UTF8.GetString(reader.ValueSpan));
                break;
            case JsonTokenType.StartArray:
                var items = new List<SettingValue>();
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                    items.Add(ReadValue(ref reader));
                value = SettingValue.Of(items);
                break;
            default:
                reader.Skip();
                value = new SettingValue(SettingForm.Section);
                break;
        }

        return value with { Line = line, Column = column };
    }

    private (int Line, int Column) Locate(int position)
    {
        for (; _at < position && _at < _json.Length; _at++)
        {
            byte b = _json[_at];
            if (b == '\n')
            {
                _line++;
                _column = 1;
            }
            else if ((b & 0xC0) != 0x80)
            {
                // Bytes that continue a character do not count.
                _column++;
            }
        }

        return (_line, _column);
    }

    private void Note(int position, string? key, string what)
    {
        var (line, column) = Locate(position);
        problems.Add(new ConfigurationProblem(source, line, column, key, what));
    }

    private void NoteSyntax(JsonException e)
    {
        if (_json.AsSpan().Trim(" \t\r\n"u8).IsEmpty)
        {
            Note(0, null, "is empty; write {} for the defaults");
            return;
        }

        // The message ends with the position, which is told apart.
        string what = e.Message;
        int tail = what.IndexOf(" LineNumber:", StringComparison.Ordinal);
        what = (tail < 0 ? what : what[..tail]).TrimEnd('.', ' ');
        int line = (int)(e.LineNumber ?? 0) + 1;
        int column = CharacterColumn(line, (int)(e.BytePositionInLine ?? 0));
        problems.Add(new ConfigurationProblem(source, line, column, null, $"is not JSON: {what}"));
    }

    private int CharacterColumn(int line, int bytesIntoLine)
    {
        ReadOnlySpan<byte> rest = _json;
        for (int i = 1; i < line; i++)
            rest = rest[(rest.IndexOf((byte)'\n') + 1)..];
        int column = 1;
        foreach (byte b in rest[..Math.Min(bytesIntoLine, rest.Length)])
            column += (b & 0xC0) == 0x80 ? 0 : 1;
        return column;
    }

    private int FirstInvalidByte()
    {
        int at = 0;
        while (at < _json.Length && Rune.DecodeFromUtf8(_json.AsSpan(at), out _, out int length) == System.Buffers.OperationStatus.Done)
            at += length;
        return at;
    }
}
