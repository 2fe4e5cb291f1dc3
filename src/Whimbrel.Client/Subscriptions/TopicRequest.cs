using System.Globalization;

namespace Whimbrel.Client.Subscriptions;

/// <summary>
/// A request without properties, as MQTT 3.1.1 has it: who asks and the correlation stand in the topic. It is published to
/// <c>svc/add/$request/REQUESTER/CORRELATION</c> and answered to <c>whimbrel/responses/REQUESTER/CORRELATION</c>; that it failed is said to
/// <c>whimbrel/responses/REQUESTER/CORRELATION/error</c>, with the reason as text.
/// </summary>
/// <param name="Topic">What is asked: <c>svc/add</c>.</param>
/// <param name="Requester">One level.</param>
/// <param name="Correlation">One level; the requester chooses it.</param>
internal readonly record struct TopicRequest(string Topic, string Requester, string Correlation)
{
    /// <summary>Below this, a level for each requester.</summary>
    public const string Responses = "whimbrel/responses";

    private const string Mark = "/$request/";
    private const string ErrorEnd = "/error";

    public string RequestTopic => $"{Topic}{Mark}{Requester}/{Correlation}";

    public string ResponseTopic => $"{Responses}/{Requester}/{Correlation}";

    public string ErrorTopic => ResponseTopic + ErrorEnd;

    /// <summary>Brings the requests for the topics of a filter; null: the filter itself does.</summary>
    public static string? FilterFor(string filter) => filter.EndsWith('#') ? null : $"{filter}{Mark}+/+";

    /// <summary>A client identifier as one level of a topic.</summary>
    public static string LevelOf(string clientId) => Uri.EscapeDataString(clientId);

    public static string CorrelationOf(UInt128 key) => key.ToString("x32", CultureInfo.InvariantCulture);

    public static bool TryParse(string topic, out TopicRequest request)
    {
        request = default;
        int mark = topic.LastIndexOf(Mark, StringComparison.Ordinal);
        if (mark <= 0)
            return false;
        string[] rest = topic[(mark + Mark.Length)..].Split('/');
        if (rest is not [{ Length: > 0 } requester, { Length: > 0 } correlation])
            return false;
        request = new TopicRequest(topic[..mark], requester, correlation);
        return true;
    }

    /// <summary>Reads the topic of an answer to one of the requester's own requests.</summary>
    public static bool TryParseAnswer(string topic, out UInt128 key)
    {
        ReadOnlySpan<char> rest = IsError(topic) ? topic.AsSpan(0, topic.Length - ErrorEnd.Length) : topic;
        return UInt128.TryParse(rest[(rest.LastIndexOf('/') + 1)..], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out key);
    }

    public static bool IsError(string topic) => topic.EndsWith(ErrorEnd, StringComparison.Ordinal);
}
