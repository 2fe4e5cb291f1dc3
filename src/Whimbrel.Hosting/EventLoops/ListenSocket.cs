using System.Net;
using System.Net.Sockets;

namespace Whimbrel.Hosting;

/// <summary>Makes listening sockets. What it sets on them, the kernel gives to every connection that they accept.</summary>
internal static unsafe class ListenSocket
{
    private const int Backlog = 4096;

    // A peer that vanished is noticed after 60 + 4 * 15 seconds, even without MQTT keep-alive.
    private const int KeepIdleSeconds = 60;
    private const int KeepIntervalSeconds = 15;
    private const int KeepCount = 4;

    /// <returns>The descriptor and the address that it is bound to.</returns>
    /// <exception cref="ListenException">The address cannot be listened on.</exception>
    public static (int Descriptor, EndPoint Bound) Open(EndPoint endPoint)
    {
        string uri = ListenEndpoint.Format(endPoint);
        var address = endPoint.Serialize();
        var bytes = address.Buffer.Span[..address.Size];
        int family = BitConverter.ToUInt16(bytes);
        int fd = Check(uri, Libc.Socket(family));
        try
        {
            if (endPoint is IPEndPoint ip)
                Configure(uri, fd, ip.Address);
            int result = Libc.Bind(fd, bytes);
            if (result == -Errno.PermissionDenied && endPoint is IPEndPoint { Port: > 0 and < 1024 })
                throw new ListenException(uri, "permission denied; ports below 1024 need root or the capability CAP_NET_BIND_SERVICE");
            Check(uri, result);
            Check(uri, Libc.Listen(fd, Backlog));
            return (fd, BoundAddress(uri, fd, endPoint));
        }
        catch
        {
            Libc.Close(fd);
            throw;
        }
    }

    private static void Configure(string uri, int fd, IPAddress address)
    {
        Check(uri, Libc.SetOption(fd, Libc.SolSocket, Libc.SoReuseAddress, 1));
        Check(uri, Libc.SetOption(fd, Libc.SolSocket, Libc.SoKeepAlive, 1));
        Check(uri, Libc.SetOption(fd, Libc.ProtocolTcp, Libc.TcpNoDelay, 1));
        Check(uri, Libc.SetOption(fd, Libc.ProtocolTcp, Libc.TcpKeepIdleSeconds, KeepIdleSeconds));
        Check(uri, Libc.SetOption(fd, Libc.ProtocolTcp, Libc.TcpKeepIntervalSeconds, KeepIntervalSeconds));
        Check(uri, Libc.SetOption(fd, Libc.ProtocolTcp, Libc.TcpKeepCount, KeepCount));
        if (address.AddressFamily == AddressFamily.InterNetworkV6)
            Check(uri, Libc.SetOption(fd, Libc.ProtocolIPv6, Libc.IPv6Only, address.Equals(IPAddress.IPv6Any) ? 0 : 1));
    }

    private static EndPoint BoundAddress(string uri, int fd, EndPoint asked)
    {
        if (asked is not IPEndPoint)
            return asked;

        var address = new SocketAddress(asked.AddressFamily);
        int length = address.Size;
        fixed (byte* bytes = address.Buffer.Span)
            Check(uri, Libc.LocalAddress(fd, bytes, &length));
        return asked.Create(address);
    }

    private static int Check(string uri, int result)
    {
        if (result >= 0)
            return result;
        bool unsupported = -result is Errno.AddressFamilyNotSupported or Errno.AddressNotAvailable;
        throw new ListenException(uri, Errno.Describe(-result)) { IsUnsupportedAddress = unsupported };
    }
}
