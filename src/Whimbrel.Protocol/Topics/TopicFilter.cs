namespace Whimbrel.Protocol;

/// <summary>A topic filter whose rules have been checked, split into share name and pattern.</summary>
public readonly ref struct TopicFilter
{
    private TopicFilter(ReadOnlySpan<byte> shareName, ReadOnlySpan<byte> pattern, bool hasWildcards)
    {
        ShareName = shareName;
        Pattern = pattern;
        HasWildcards = hasWildcards;
    }

    /// <summary>True for <c>$share/{ShareName}/{Pattern}</c>.</summary>
    public bool IsShared => !ShareName.IsEmpty;

    /// <summary>Empty if the filter is not shared.</summary>
    public ReadOnlySpan<byte> ShareName { get; }

    /// <summary>What topics are matched against: the filter without <c>$share/{ShareName}/</c>.</summary>
    public ReadOnlySpan<byte> Pattern { get; }

    public bool HasWildcards { get; }

    /// <summary>
    /// Checks length and U+0000 [MQTT-4.7.3-1] [MQTT-4.7.3-2] [MQTT-4.7.3-3], the places of '#' and '+' [MQTT-4.7.1-1]
    /// [MQTT-4.7.1-2] and the form of a shared subscription [MQTT-4.8.2-1] [MQTT-4.8.2-2].
    /// </summary>
    public static bool TryParse(ReadOnlySpan<byte> utf8, out TopicFilter filter)
    {
        filter = default;
        if (utf8.IsEmpty || utf8.Length > ushort.MaxValue || utf8.Contains((byte)0))
        {
            return false;
        }

        ReadOnlySpan<byte> shareName = default;
        ReadOnlySpan<byte> pattern = utf8;
        if (utf8.StartsWith("$share/"u8))
        {
            ReadOnlySpan<byte> rest = utf8["$share/"u8.Length..];
            int slash = rest.IndexOf((byte)'/');
            if (slash <= 0 || slash == rest.Length - 1 || rest[..slash].IndexOfAny((byte)'+', (byte)'#') >= 0)
            {
                return false;
            }

            shareName = rest[..slash];
            pattern = rest[(slash + 1)..];
        }

        if (!AreWildcardsPlaced(pattern, out bool hasWildcards))
        {
            return false;
        }

        filter = new TopicFilter(shareName, pattern, hasWildcards);
        return true;
    }

    /// <summary>
    /// True if a checked <paramref name="pattern"/> matches a checked <paramref name="topic"/>, byte for byte
    /// [MQTT-4.7.3-4]. '#' matches the parent level too; a leading wildcard matches no topic that begins with '$'
    /// [MQTT-4.7.2-1].
    /// </summary>
    public static bool Matches(ReadOnlySpan<byte> pattern, ReadOnlySpan<byte> topic)
    {
        if (pattern.IsEmpty || topic.IsEmpty)
        {
            return false;
        }

        if (topic[0] == '$' && pattern[0] is (byte)'+' or (byte)'#')
        {
            return false;
        }

        while (true)
        {
            ReadOnlySpan<byte> wanted = CutLevel(ref pattern, out bool patternEnds);
            if (wanted.Length == 1 && wanted[0] == '#')
            {
                return true;
            }

            ReadOnlySpan<byte> level = CutLevel(ref topic, out bool topicEnds);
            if (!(wanted.Length == 1 && wanted[0] == '+') && !wanted.SequenceEqual(level))
            {
                return false;
            }

            if (topicEnds)
            {
                return patternEnds || (pattern.Length == 1 && pattern[0] == '#');
            }

            if (patternEnds)
            {
                return false;
            }
        }
    }

    private static ReadOnlySpan<byte> CutLevel(ref ReadOnlySpan<byte> rest, out bool isLast)
    {
        int slash = rest.IndexOf((byte)'/');
        isLast = slash < 0;
        ReadOnlySpan<byte> level = isLast ? rest : rest[..slash];
        rest = isLast ? default : rest[(slash + 1)..];
        return level;
    }

    private static bool AreWildcardsPlaced(ReadOnlySpan<byte> pattern, out bool hasWildcards)
    {
        hasWildcards = false;
        int from = 0;
        while (true)
        {
            int offset = pattern[from..].IndexOfAny((byte)'+', (byte)'#');
            if (offset < 0)
            {
                return true;
            }

            hasWildcards = true;
            int at = from + offset;
            if (at > 0 && pattern[at - 1] != '/')
            {
                return false;
            }

            bool isLast = at == pattern.Length - 1;
            if (!isLast && (pattern[at] == '#' || pattern[at + 1] != '/'))
            {
                return false;
            }

            from = at + 1;
        }
    }
}
