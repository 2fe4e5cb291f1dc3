using System.Globalization;
using System.Text;
using Whimbrel.Protocol;

namespace Whimbrel.Cli.Connections;

/// <summary>
/// Names as mosquitto's <c>-D COMMAND PROPERTY VALUE</c> has them, where a client may send each property, and its range.
/// </summary>
internal static class PropertyNames
{
    private const uint FourBytes = uint.MaxValue;

    // max 0: text or binary.
    private static readonly Row[] Table =
    [
        new("payload-format-indicator", PropertyId.PayloadFormatIndicator, 0, 1, [PropertyScope.Publish, PropertyScope.Will]),
        new("message-expiry-interval", PropertyId.MessageExpiryInterval, 1, FourBytes, [PropertyScope.Publish, PropertyScope.Will]),
        new("content-type", PropertyId.ContentType, 0, 0, [PropertyScope.Publish, PropertyScope.Will]),
        new("response-topic", PropertyId.ResponseTopic, 0, 0, [PropertyScope.Publish, PropertyScope.Will]),
        new("correlation-data", PropertyId.CorrelationData, 0, 0, [PropertyScope.Publish, PropertyScope.Will]),
        new("will-delay-interval", PropertyId.WillDelayInterval, 0, FourBytes, [PropertyScope.Will]),
        new("subscription-identifier", PropertyId.SubscriptionIdentifier, 1, 268_435_455, [PropertyScope.Subscribe]),
        new("session-expiry-interval", PropertyId.SessionExpiryInterval, 0, FourBytes, [PropertyScope.Connect, PropertyScope.Disconnect]),
        new("receive-maximum", PropertyId.ReceiveMaximum, 1, ushort.MaxValue, [PropertyScope.Connect]),
        new("maximum-packet-size", PropertyId.MaximumPacketSize, 1, FourBytes, [PropertyScope.Connect]),
        new("topic-alias-maximum", PropertyId.TopicAliasMaximum, 0, ushort.MaxValue, [PropertyScope.Connect]),
        new("request-problem-information", PropertyId.RequestProblemInformation, 0, 1, [PropertyScope.Connect]),
        new("request-response-information", PropertyId.RequestResponseInformation, 0, 1, [PropertyScope.Connect]),
        new("authentication-method", PropertyId.AuthenticationMethod, 0, 0, [PropertyScope.Connect]),
        new("authentication-data", PropertyId.AuthenticationData, 0, 0, [PropertyScope.Connect]),
        new("reason-string", PropertyId.ReasonString, 0, 0, [PropertyScope.Disconnect]),
        new("user-property", PropertyId.UserProperty, 0, 0,
            [PropertyScope.Connect, PropertyScope.Publish, PropertyScope.Will, PropertyScope.Subscribe, PropertyScope.Unsubscribe, PropertyScope.Disconnect]),
    ];

    private static readonly (string Word, PropertyScope Scope)[] Commands =
    [
        ("connect", PropertyScope.Connect), ("publish", PropertyScope.Publish), ("subscribe", PropertyScope.Subscribe),
        ("unsubscribe", PropertyScope.Unsubscribe), ("disconnect", PropertyScope.Disconnect), ("will", PropertyScope.Will),
    ];

    /// <summary>Adds what one <c>-D</c> says: command, name, value and, for user-property, a second value.</summary>
    /// <returns>Null, or what is wrong.</returns>
    public static string? TryAdd(IReadOnlyList<string> words, PropertySets sets)
    {
        const string form = "-D COMMAND PROPERTY VALUE, or -D COMMAND user-property NAME VALUE";
        if (words.Count < 3)
            return $"{form}: something is missing";

        int at = Array.FindIndex(Commands, c => c.Word.Equals(words[0], StringComparison.OrdinalIgnoreCase));
        if (at < 0)
            return $"-D {words[0]}: unknown command{Near(words[0], Commands.Select(c => c.Word))}";
        var (word, scope) = Commands[at];
        if (words[1].Equals("topic-alias", StringComparison.OrdinalIgnoreCase))
            return $"-D {word} topic-alias: aliases are given without being asked for, if the broker takes them";
        if (Array.Find(Table, r => r.Name.Equals(words[1], StringComparison.OrdinalIgnoreCase)) is not { } row)
            return $"-D {word} {words[1]}: unknown property{Near(words[1], Table.Where(r => r.Scopes.Contains(scope)).Select(r => r.Name))}";
        if (!row.Scopes.Contains(scope))
            return $"-D {word} {row.Name}: {word.ToUpperInvariant()} does not have this property";

        var set = sets[scope];
        if (row.Id == PropertyId.UserProperty)
        {
            if (words.Count < 4)
                return $"-D {word} user-property: takes a name and a value";
            set.Add(new GivenProperty(row.Id, 0, words[2], words[3]));
            return CheckText(word, row.Name, words[2]) ?? CheckText(word, row.Name, words[3]);
        }

        if (set.Has(row.Id))
            return $"-D {word} {row.Name}: given twice";
        if (row.Max == 0)
        {
            set.Add(new GivenProperty(row.Id, 0, words[2], ""));
            if (row.Id == PropertyId.ResponseTopic && !TopicName.IsValid(Encoding.UTF8.GetBytes(words[2])))
                return $"-D {word} {row.Name}: '{words[2]}' is not a topic name";
            return CheckText(word, row.Name, words[2]);
        }

        if (!uint.TryParse(words[2], NumberStyles.None, CultureInfo.InvariantCulture, out uint number) || number < row.Min || number > row.Max)
            return $"-D {word} {row.Name}: must be a number from {row.Min} to {row.Max}, not '{words[2]}'";
        set.Add(new GivenProperty(row.Id, number, "", ""));
        return null;
    }

    private static string? CheckText(string command, string name, string text) =>
        text.Contains('\0', StringComparison.Ordinal) || Encoding.UTF8.GetByteCount(text) > ushort.MaxValue
            ? $"-D {command} {name}: must be text of at most 65535 bytes without a zero character"
            : null;

    private static string Near(string word, IEnumerable<string> candidates) =>
        Server.Spelling.Nearest(word, candidates) is { } near ? $"; did you mean {near}?" : $"; there are {string.Join(", ", candidates)}";

    private sealed record Row(string Name, PropertyId Id, uint Min, uint Max, PropertyScope[] Scopes);
}
