using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Whimbrel.Client.Transports;

/// <summary>Asks a proxy for a way to the server.</summary>
internal static class Proxies
{
    private const int AnswerBytesMax = 16 * 1024;

    private static readonly string[] Refusals =
    [
        "", "general failure", "not allowed by its rules", "network unreachable", "host unreachable", "connection refused", "time to live expired",
        "command not supported", "address type not supported",
    ];

    /// <summary>HTTP CONNECT (RFC 9110, 9.3.6).</summary>
    public static async ValueTask ConnectHttpAsync(Socket socket, string host, int port, NetworkCredential? credential, CancellationToken cancellationToken)
    {
        string target = string.Create(CultureInfo.InvariantCulture, $"{(host.Contains(':') ? $"[{host}]" : host)}:{port}");
        var request = new StringBuilder($"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
        if (credential is not null)
            request.Append("Proxy-Authorization: Basic ").Append(Convert.ToBase64String(Encoding.UTF8.GetBytes($"{credential.UserName}:{credential.Password}"))).Append("\r\n");
        await SendAsync(socket, Encoding.ASCII.GetBytes(request.Append("\r\n").ToString()), cancellationToken).ConfigureAwait(false);

        // Byte by byte: what follows the empty line is the server's.
        var answer = new List<byte>();
        byte[] one = new byte[1];
        while (answer.Count < 4 || !(answer[^1] == '\n' && answer[^2] == '\r' && answer[^3] == '\n'))
        {
            await ReadAsync(socket, one, cancellationToken).ConfigureAwait(false);
            answer.Add(one[0]);
            if (answer.Count > AnswerBytesMax)
                throw new ProxyException("The proxy's answer does not end.");
        }

        string status = Encoding.ASCII.GetString([.. answer]).Split("\r\n")[0];
        string[] words = status.Split(' ', 3);
        if (words.Length < 2 || !words[0].StartsWith("HTTP/1.", StringComparison.Ordinal) || !words[1].StartsWith('2'))
            throw new ProxyException($"The proxy refused: {status}");
    }

    /// <summary>SOCKS 5 (RFC 1928) with the name resolved by the proxy, and with name and password (RFC 1929) if given.</summary>
    public static async ValueTask ConnectSocksAsync(Socket socket, string host, int port, NetworkCredential? credential, CancellationToken cancellationToken)
    {
        byte[] greeting = credential is null ? [5, 1, 0] : [5, 2, 0, 2];
        await SendAsync(socket, greeting, cancellationToken).ConfigureAwait(false);
        byte[] chosen = new byte[2];
        await ReadAsync(socket, chosen, cancellationToken).ConfigureAwait(false);
        if (chosen[0] != 5)
            throw new ProxyException("The proxy does not speak SOCKS 5.");
        if (chosen[1] == 2 && credential is not null)
        {
            byte[] user = Encoding.UTF8.GetBytes(credential.UserName);
            byte[] password = Encoding.UTF8.GetBytes(credential.Password);
            if (user.Length > 255 || password.Length > 255)
                throw new ProxyException("SOCKS 5 takes at most 255 bytes of name and password.");
            await SendAsync(socket, [1, (byte)user.Length, .. user, (byte)password.Length, .. password], cancellationToken).ConfigureAwait(false);
            await ReadAsync(socket, chosen, cancellationToken).ConfigureAwait(false);
            if (chosen[1] != 0)
                throw new ProxyException("The proxy does not accept name and password.");
        }
        else if (chosen[1] != 0)
        {
            throw new ProxyException("The proxy wants an authentication that this client does not have.");
        }

        byte[] address = AddressOf(host);
        byte[] request = [5, 1, 0, .. address, 0, 0];
        BinaryPrimitives.WriteUInt16BigEndian(request.AsSpan(request.Length - 2), (ushort)port);
        await SendAsync(socket, request, cancellationToken).ConfigureAwait(false);
        byte[] head = new byte[5];
        await ReadAsync(socket, head, cancellationToken).ConfigureAwait(false);
        if (head[1] != 0)
            throw new ProxyException(head[1] < Refusals.Length ? $"The proxy refused: {Refusals[head[1]]}." : $"The proxy refused with code {head[1]}.");
        int rest = head[3] switch { 1 => 3 + 2, 4 => 15 + 2, 3 => head[4] + 2, _ => throw new ProxyException("The proxy's answer is not SOCKS 5.") };
        await ReadAsync(socket, new byte[rest], cancellationToken).ConfigureAwait(false);
    }

    private static byte[] AddressOf(string host)
    {
        if (IPAddress.TryParse(host, out IPAddress? address))
            return [(byte)(address.AddressFamily == AddressFamily.InterNetwork ? 1 : 4), .. address.GetAddressBytes()];
        byte[] name = Encoding.ASCII.GetBytes(new IdnMapping().GetAscii(host));
        return name.Length <= 255 ? [3, (byte)name.Length, .. name] : throw new ProxyException("The host's name is too long for SOCKS 5.");
    }

    private static async ValueTask SendAsync(Socket socket, byte[] bytes, CancellationToken cancellationToken)
    {
        if (await socket.SendAsync(bytes, cancellationToken).ConfigureAwait(false) != bytes.Length)
            throw new ProxyException("The proxy closed the connection.");
    }

    private static async ValueTask ReadAsync(Socket socket, byte[] buffer, CancellationToken cancellationToken)
    {
        for (int at = 0; at < buffer.Length;)
        {
            int count = await socket.ReceiveAsync(buffer.AsMemory(at), cancellationToken).ConfigureAwait(false);
            if (count == 0)
                throw new ProxyException("The proxy closed the connection.");
            at += count;
        }
    }
}

/// <summary>The proxy is why there is no way to the server.</summary>
internal sealed class ProxyException(string message) : IOException(message);
