using System.Globalization;

namespace Whimbrel.Client.Transports;

/// <summary>How the bytes travel.</summary>
internal enum EndpointKind
{
    Tcp,
    Tls,
    WebSocket,
    SecureWebSocket,
    Unix,
}

/// <summary>Where a server is, and what its URI says beside that.</summary>
internal sealed record Endpoint(EndpointKind Kind, string Host, int Port, string Path)
{
    private static readonly (string Scheme, EndpointKind Kind, int Port)[] Schemes =
    [
        ("mqtt", EndpointKind.Tcp, 1883), ("tcp", EndpointKind.Tcp, 1883),
        ("mqtts", EndpointKind.Tls, 8883), ("ssl", EndpointKind.Tls, 8883), ("tls", EndpointKind.Tls, 8883),
        ("ws", EndpointKind.WebSocket, 80), ("wss", EndpointKind.SecureWebSocket, 443),
        ("unix", EndpointKind.Unix, 0), ("mqtt+unix", EndpointKind.Unix, 0),
    ];

    public MqttCredentials? Credentials { get; init; }

    /// <summary>What follows the question mark.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Query { get; init; } = [];

    public bool IsSecure => Kind is EndpointKind.Tls or EndpointKind.SecureWebSocket;

    /// <summary>One URI, whose host part may name several hosts with commas between.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public static List<Endpoint> Parse(string uri)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(uri);
        int colon = uri.IndexOf("://", StringComparison.Ordinal);
        if (colon < 0)
            throw new FormatException($"'{Hidden(uri)}' has no scheme; mqtt://, mqtts://, ws://, wss:// and unix:// are known.");
        string scheme = uri[..colon].ToLowerInvariant();
        int at = Array.FindIndex(Schemes, s => s.Scheme == scheme);
        if (at < 0)
            throw new FormatException($"'{scheme}' is not a scheme that this client knows; mqtt, mqtts, ws, wss and unix are.");
        (_, EndpointKind kind, int defaultPort) = Schemes[at];
        string rest = uri[(colon + 3)..];
        int question = rest.IndexOf('?', StringComparison.Ordinal);
        List<KeyValuePair<string, string>> query = question < 0 ? [] : ParseQuery(rest[(question + 1)..]);
        rest = question < 0 ? rest : rest[..question];
        if (kind == EndpointKind.Unix)
            return rest.Length > 0 ? [new Endpoint(kind, rest, 0, "") { Query = query }] : throw new FormatException("unix:// needs a path.");

        int slash = rest.IndexOf('/', StringComparison.Ordinal);
        string path = slash < 0 ? "" : rest[slash..];
        string authority = slash < 0 ? rest : rest[..slash];
        int user = authority.LastIndexOf('@');
        MqttCredentials? credentials = user < 0 ? null : ParseUser(authority[..user]);
        authority = authority[(user + 1)..];
        if (kind is EndpointKind.WebSocket or EndpointKind.SecureWebSocket)
            path = path.Length <= 1 ? "/mqtt" : path;
        else if (path.Length > 1)
            throw new FormatException($"'{Hidden(uri)}': only WebSocket addresses have a path.");
        return [.. authority.Split(',').Select(host => ParseHost(host, kind, defaultPort, path) with { Credentials = credentials, Query = query })];
    }

    /// <summary>Without secrets, for logs and errors.</summary>
    public override string ToString() => Kind == EndpointKind.Unix
        ? $"unix://{Host}"
        : string.Create(CultureInfo.InvariantCulture, $"{Schemes[Array.FindIndex(Schemes, s => s.Kind == Kind)].Scheme}://{(Host.Contains(':') ? $"[{Host}]" : Host)}:{Port}{Path}");

    private static Endpoint ParseHost(string text, EndpointKind kind, int port, string path)
    {
        string host = text;
        string number = "";
        int end = text.IndexOf(']', StringComparison.Ordinal);
        if (text.StartsWith('[') && end > 0)
        {
            host = text[1..end];
            number = text[(end + 1)..].TrimStart(':');
        }
        else if (text.LastIndexOf(':') is int colon and >= 0)
        {
            host = text[..colon];
            number = text[(colon + 1)..];
        }

        if (number.Length > 0 && !(int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out port) && port is > 0 and <= ushort.MaxValue))
            throw new FormatException($"'{number}' is not a port.");
        return host.Length > 0 ? new Endpoint(kind, host, port, path) : throw new FormatException("The address has no host.");
    }

    private static MqttCredentials ParseUser(string user)
    {
        int colon = user.IndexOf(':', StringComparison.Ordinal);
        return colon < 0
            ? new MqttCredentials(Uri.UnescapeDataString(user))
            : new MqttCredentials(Uri.UnescapeDataString(user[..colon]), Uri.UnescapeDataString(user[(colon + 1)..]));
    }

    private static List<KeyValuePair<string, string>> ParseQuery(string query)
    {
        var pairs = new List<KeyValuePair<string, string>>();
        foreach (string part in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            int equals = part.IndexOf('=', StringComparison.Ordinal);
            pairs.Add(new(
                Uri.UnescapeDataString(equals < 0 ? part : part[..equals]),
                equals < 0 ? "" : Uri.UnescapeDataString(part[(equals + 1)..])));
        }

        return pairs;
    }

    private static string Hidden(string uri)
    {
        int at = uri.LastIndexOf('@');
        return at < 0 ? uri : "…" + uri[at..];
    }
}
