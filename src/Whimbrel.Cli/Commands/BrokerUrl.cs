using System.Globalization;
using Whimbrel.Cli.Wire;

namespace Whimbrel.Cli.Commands;

/// <summary>
/// <c>mqtt://[user[:password]@]host[:port][/topic]</c>, as <c>-L</c> and <c>WHIMBREL_URL</c> have it, or <c>unix:///path</c>.
/// <c>%xx</c> stands for a character in user, password and topic; <c>#</c> needs no escape.
/// </summary>
internal sealed record BrokerUrl(WireTarget Target, string? UserName, string? Password, string? Topic)
{
    /// <returns>Null, and what is wrong, if the text is no such URL.</returns>
    public static BrokerUrl? TryParse(string text, out string problem)
    {
        problem = "";
        int separator = text.IndexOf("://", StringComparison.Ordinal);
        string scheme = separator < 0 ? "" : text[..separator].ToLowerInvariant();
        string rest = separator < 0 ? text : text[(separator + 3)..];
        switch (scheme)
        {
            case "mqtt" or "tcp":
                break;
            case "unix" when rest.StartsWith('/') && rest.Length > 1:
                return new BrokerUrl(new WireTarget("", 0, rest), null, null, null);
            case "unix":
                problem = $"'{text}': the path must be absolute: unix:///PATH";
                return null;
            case "mqtts" or "ssl" or "tls":
                problem = $"'{text}': TLS is not available yet; use mqtt://";
                return null;
            case "ws" or "wss":
                problem = $"'{text}': WebSocket is not available yet; use mqtt://";
                return null;
            default:
                problem = $"'{text}' is not a URL such as mqtt://user@host:1883/topic";
                return null;
        }

        int slash = rest.IndexOf('/', StringComparison.Ordinal);
        string authority = slash < 0 ? rest : rest[..slash];
        string? topic = slash < 0 || slash == rest.Length - 1 ? null : Uri.UnescapeDataString(rest[(slash + 1)..]);
        string? user = null;
        string? password = null;
        if (authority.LastIndexOf('@') is >= 0 and var at)
        {
            string credentials = authority[..at];
            authority = authority[(at + 1)..];
            int colon = credentials.IndexOf(':', StringComparison.Ordinal);
            user = Uri.UnescapeDataString(colon < 0 ? credentials : credentials[..colon]);
            password = colon < 0 ? null : Uri.UnescapeDataString(credentials[(colon + 1)..]);
        }

        if (TryParseHost(authority) is not { } target)
        {
            problem = $"'{text}': '{authority}' is not HOST or HOST:PORT";
            return null;
        }

        return new BrokerUrl(target, user, password, topic);
    }

    private static WireTarget? TryParseHost(string authority)
    {
        string host = authority;
        string? port = null;
        if (authority.StartsWith('['))
        {
            int close = authority.IndexOf(']', StringComparison.Ordinal);
            if (close < 0 || (close + 1 < authority.Length && authority[close + 1] != ':'))
                return null;
            host = authority[1..close];
            port = close + 1 < authority.Length ? authority[(close + 2)..] : null;
        }
        else if (authority.LastIndexOf(':') is >= 0 and var colon)
        {
            host = authority[..colon];
            port = authority[(colon + 1)..];
        }

        int number = WireTarget.DefaultPort;
        if (host.Length == 0 || (port is not null && !TryParsePort(port, out number)))
            return null;
        return new WireTarget(host, number);
    }

    public static bool TryParsePort(string text, out int port) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port) && port is > 0 and <= ushort.MaxValue;
}
