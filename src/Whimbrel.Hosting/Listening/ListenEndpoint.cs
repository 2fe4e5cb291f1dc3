using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Whimbrel.Broker;

namespace Whimbrel.Hosting;

/// <summary>
/// Where to listen, as people write it: <c>mqtt://127.0.0.1:1883</c>, <c>mqtt://[::1]:1883</c>, <c>mqtt://localhost:1883</c> (this
/// machine, both protocols), <c>mqtt://*:1883</c> (every address), <c>unix:///run/whimbrel.sock</c>. Behind it may stand what
/// acknowledgements are worth there: <c>?ack=fsync</c> (the default) or <c>?ack=memory</c>.
/// </summary>
public sealed class ListenEndpoint
{
    private const int DefaultPort = 1883;

    private readonly string _address;

    // sockaddr_un holds 108 bytes with the terminating zero.
    private const int UnixPathBytesMax = 107;

    private const string AckOption = "ack=";

    private ListenEndpoint(string uri, IReadOnlyList<EndPoint> alternatives, IReadOnlyList<EndPoint> companions)
    {
        _address = uri;
        Alternatives = alternatives;
        Companions = companions;
    }

    /// <summary>The endpoint in its canonical spelling.</summary>
    public string Uri => AckContract == AckContract.Fsync ? _address : $"{_address}?{AckOption}{Spell(AckContract)}";

    /// <summary>What acknowledgements are worth there.</summary>
    public AckContract AckContract { get; private init; }

    /// <summary>What to bind: the first of these that the machine supports. Never empty.</summary>
    internal IReadOnlyList<EndPoint> Alternatives { get; }

    /// <summary>What to bind beside it, on the same port, if the machine supports it.</summary>
    internal IReadOnlyList<EndPoint> Companions { get; }

    /// <exception cref="FormatException">The text is not a listen endpoint; the message says what is wrong with it.</exception>
    public static ListenEndpoint Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        int separator = text.IndexOf("://", StringComparison.Ordinal);
        if (separator < 0)
            throw Wrong(text, "it has no scheme; write mqtt://HOST:PORT or unix:///PATH");

        string rest = text[(separator + 3)..];
        int query = rest.IndexOf('?', StringComparison.Ordinal);
        var contract = query < 0 ? AckContract.Fsync : ParseOptions(text, rest[(query + 1)..]);
        var endpoint = ParseAddress(text, separator, query < 0 ? rest : rest[..query]);
        return new ListenEndpoint(endpoint._address, endpoint.Alternatives, endpoint.Companions) { AckContract = contract };
    }

    public override string ToString() => Uri;

    /// <summary>How a contract is written in an endpoint, a log line and CONNACK.</summary>
    internal static string Spell(AckContract contract) => contract == AckContract.Memory ? "memory" : "fsync";

    private static AckContract ParseOptions(string text, string options)
    {
        foreach (var contract in Enum.GetValues<AckContract>())
        {
            if (options.Equals(AckOption + Spell(contract), StringComparison.OrdinalIgnoreCase))
                return contract;
        }

        throw Wrong(text, $"'?{options}' is not an option of a listener; ?ack=fsync and ?ack=memory are");
    }

    private static ListenEndpoint ParseAddress(string text, int separator, string rest)
    {
        return text[..separator].ToLowerInvariant() switch
        {
            "mqtt" or "tcp" => ParseTcp(text, rest),
            "unix" => ParseUnix(text, rest),
            "mqtts" or "ws" or "wss" => throw Wrong(text, $"{text[..separator].ToLowerInvariant()} is not available yet; mqtt and unix are"),
            _ => throw Wrong(text, $"unknown scheme '{text[..separator]}'; mqtt and unix are available"),
        };
    }

    /// <summary>How an address is written in a URI of ours.</summary>
    internal static string Format(EndPoint endPoint) => endPoint switch
    {
        IPEndPoint ip => $"mqtt://{ip}",
        UnixDomainSocketEndPoint unix => $"unix://{unix}",
        _ => endPoint.ToString() ?? "",
    };

    private static ListenEndpoint ParseTcp(string text, string rest)
    {
        if (rest.AsSpan().IndexOfAny("/?#") is >= 0 and var tail && !rest.AsSpan(tail).SequenceEqual("/"))
            throw Wrong(text, $"'{rest[tail..]}' does not belong there; write mqtt://HOST:PORT");
        rest = rest.TrimEnd('/');
        if (rest.Contains('@', StringComparison.Ordinal))
            throw Wrong(text, "a listener takes no user name");

        string host = rest;
        int port = DefaultPort;
        int colon = rest.LastIndexOf(':');
        bool bracketed = rest.StartsWith('[');
        if (bracketed && rest.IndexOf(']', StringComparison.Ordinal) is var close)
        {
            if (close < 0)
                throw Wrong(text, "the '[' of the IPv6 address has no ']'");
            colon = close + 1 < rest.Length ? close + 1 : -1;
            if (colon > 0 && rest[colon] != ':')
                throw Wrong(text, $"'{rest[colon..]}' behind the address is not a port");
        }
        else if (colon >= 0 && rest.IndexOf(':', StringComparison.Ordinal) != colon)
        {
            throw Wrong(text, "an IPv6 address stands in brackets: mqtt://[::1]:1883");
        }

        if (colon >= 0)
        {
            host = rest[..colon];
            string digits = rest[(colon + 1)..];
            if (!int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out port) || port > IPEndPoint.MaxPort)
                throw Wrong(text, $"port '{digits}' is not a number from 0 to 65535");
        }

        if (host.Length == 0)
            throw Wrong(text, "it names no host; write * for every address of this machine");

        if (host == "*")
        {
            // The first is dual-stack: it takes IPv4 connections too.
            return new ListenEndpoint($"mqtt://*:{port}", [new IPEndPoint(IPAddress.IPv6Any, port), new IPEndPoint(IPAddress.Any, port)], []);
        }

        if (host.Equals("localhost", StringComparison.OrdinalIgnoreCase))
        {
            var loopback = new IPEndPoint(IPAddress.Loopback, port);
            var loopback6 = new IPEndPoint(IPAddress.IPv6Loopback, port);
            return new ListenEndpoint($"mqtt://localhost:{port}", [loopback, loopback6], [loopback6]);
        }

        string numeric = bracketed ? host[1..^1] : host;
        if (!IPAddress.TryParse(numeric, out var address) || (address.AddressFamily == AddressFamily.InterNetworkV6) != bracketed
            || (!bracketed && numeric.AsSpan().Count('.') != 3))
        {
            throw Wrong(text, $"'{host}' is not an IP address, localhost or *");
        }

        var endPoint = new IPEndPoint(address, port);
        return new ListenEndpoint(Format(endPoint), [endPoint], []);
    }

    private static ListenEndpoint ParseUnix(string text, string path)
    {
        if (!path.StartsWith('/') || path.Length == 1)
            throw Wrong(text, "the path must be absolute: unix:///PATH");
        if (path.EndsWith('/'))
            throw Wrong(text, "the path names a directory");
        if (path.Contains('\0', StringComparison.Ordinal))
            throw Wrong(text, "the path contains a zero character");
        if (System.Text.Encoding.UTF8.GetByteCount(path) > UnixPathBytesMax)
            throw Wrong(text, $"the path is longer than the {UnixPathBytesMax} bytes that a unix socket may have");
        return new ListenEndpoint($"unix://{path}", [new UnixDomainSocketEndPoint(path)], []);
    }

    private static FormatException Wrong(string text, string what) => new($"'{text}' is not an endpoint to listen on: {what}.");
}
