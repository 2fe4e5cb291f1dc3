using System.Net;
using System.Net.Sockets;
using System.Text;
using Whimbrel.Cli.Connections;
using Whimbrel.Protocol;

namespace Whimbrel.Cli.Bench.Load;

/// <summary>Where the load goes, where it comes from, and what every CONNECT says.</summary>
internal sealed class LoadTarget
{
    /// <summary>Of the sessions that are to outlive their connections: an hour, so that a bench that was killed leaves nothing for ever.</summary>
    public const uint SessionExpirySeconds = 3600;

    private readonly byte[][] _sources;
    private int _next;

    private LoadTarget(byte[] address, byte[][] sources)
    {
        Address = address;
        _sources = sources;
    }

    /// <summary>As the kernel has it.</summary>
    public byte[] Address { get; }

    public required ProtocolVersion Version { get; init; }

    public byte[]? UserName { get; init; }

    public byte[]? Password { get; init; }

    /// <exception cref="CommandFailure">The host is not known, or the sources are of another kind than the address.</exception>
    public static LoadTarget Resolve(BrokerAddress target, ProtocolVersion version, string? userName, string? password, IReadOnlyList<IPAddress> sources)
    {
        var endpoint = target.IsUnix ? (EndPoint)new UnixDomainSocketEndPoint(target.Path) : new IPEndPoint(Lookup(target, sources), target.Port);
        if (sources.Count > 0 && (endpoint is not IPEndPoint ip || sources.Any(s => s.AddressFamily != ip.AddressFamily)))
            throw new CommandFailure(ExitCode.Usage, $"--sources cannot be used to connect to {target}: they are addresses of another kind");
        return new LoadTarget(Bytes(endpoint), [.. sources.Select(s => Bytes(new IPEndPoint(s, 0)))])
        {
            Version = version,
            UserName = userName is null ? null : Encoding.UTF8.GetBytes(userName),
            Password = password is null ? null : Encoding.UTF8.GetBytes(password),
        };
    }

    /// <summary>The addresses in turn; null if the kernel is to choose.</summary>
    public byte[]? NextSource() => _sources.Length == 0 ? null : _sources[_next++ % _sources.Length];

    private static IPAddress Lookup(BrokerAddress target, IReadOnlyList<IPAddress> sources)
    {
        try
        {
            var all = Dns.GetHostAddresses(target.Host);
            var wanted = sources.Count > 0 ? sources[0].AddressFamily : AddressFamily.InterNetwork;
            return all.FirstOrDefault(a => a.AddressFamily == wanted) ?? all.FirstOrDefault() ?? throw target.Unreachable("the host name is not known");
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            throw target.Unreachable("the host name is not known");
        }
    }

    private static byte[] Bytes(EndPoint endpoint)
    {
        var address = endpoint.Serialize();
        return address.Buffer[..address.Size].ToArray();
    }
}
