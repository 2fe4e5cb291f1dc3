using System.Globalization;

namespace Whimbrel.Cli.Connections;

/// <summary>
/// <c>mqtt[s]://[user[:password]@]host[:port][,host[:port]...][/topic]</c>, as <c>-L</c> and <c>WHIMBREL_URL</c> have it,
/// <c>ws[s]://[user[:password]@]host[:port][/path]</c>, or <c>unix:///path</c>. <c>%xx</c> stands for a character in user, password and
/// topic; <c>#</c> needs no escape.
/// </summary>
internal sealed record BrokerUrl(IReadOnlyList<BrokerAddress> Addresses, string? UserName, string? Password, string? Topic)
{
    private const string WebSocketPath = "/mqtt";

    /// <returns>Null, and what is wrong, if the text is no such URL.</returns>
    public static BrokerUrl? TryParse(string text, out string problem)
    {
        problem = "";
        int separator = text.IndexOf("://", StringComparison.Ordinal);
        string rest = separator < 0 ? text : text[(separator + 3)..];
        string? scheme = separator < 0 ? null : Known(text[..separator].ToLowerInvariant());
        switch (scheme)
        {
            case null:
                problem = $"'{text}' is not a URL such as mqtt://user@host:1883/topic; mqtt, mqtts, ws, wss and unix are known";
                return null;
            case "unix" when rest.StartsWith('/') && rest.Length > 1:
                return new BrokerUrl([new BrokerAddress(scheme, "", 0, rest)], null, null, null);
            case "unix":
                problem = $"'{text}': the path must be absolute: unix:///PATH";
                return null;
        }

        int slash = rest.IndexOf('/', StringComparison.Ordinal);
        string authority = slash < 0 ? rest : rest[..slash];
        string? path = slash < 0 || slash == rest.Length - 1 ? null : rest[(slash + 1)..];
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

        bool isWebSocket = scheme is "ws" or "wss";
        var addresses = new List<BrokerAddress>();
        foreach (string part in authority.Split(','))
        {
            if (TryParseHost(part, scheme) is not { } address)
            {
                problem = $"'{text}': '{part}' is not HOST or HOST:PORT";
                return null;
            }

            addresses.Add(isWebSocket ? address with { Path = path is null ? WebSocketPath : $"/{path}" } : address);
        }

        return new BrokerUrl(addresses, user, password, isWebSocket || path is null ? null : Uri.UnescapeDataString(path));
    }

    /// <summary>What <c>-h</c> and <c>-p</c> say, with the ways that other options have chosen.</summary>
    public static BrokerAddress Of(string? host, int? port, bool isWebSocket, bool isSecure)
    {
        string scheme = (isWebSocket, isSecure) switch
        {
            (true, true) => "wss",
            (true, false) => "ws",
            (false, true) => "mqtts",
            _ => "mqtt",
        };
        return new BrokerAddress(scheme, (host ?? BrokerAddress.Localhost.Host).Trim('[', ']'), port ?? BrokerAddress.PortOf(scheme), isWebSocket ? WebSocketPath : "");
    }

    public static bool TryParsePort(string text, out int port) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port) && port is > 0 and <= ushort.MaxValue;

    private static string? Known(string scheme) => scheme switch
    {
        "mqtt" or "tcp" => "mqtt",
        "mqtts" or "ssl" or "tls" => "mqtts",
        "ws" or "wss" or "unix" => scheme,
        _ => null,
    };

    private static BrokerAddress? TryParseHost(string authority, string scheme)
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

        int number = BrokerAddress.PortOf(scheme);
        if (host.Length == 0 || (port is not null && !TryParsePort(port, out number)))
            return null;
        return new BrokerAddress(scheme, host, number);
    }
}
