using System.Net.Sockets;

namespace Whimbrel.Hosting;

/// <summary>The file behind a unix socket. It outlives the process that made it, so a broker must clear away what a crash left.</summary>
internal static class UnixSocketFile
{
    /// <summary>Removes a socket file that nobody listens on any more.</summary>
    /// <exception cref="ListenException">Somebody listens on it, or it is not a socket.</exception>
    public static void Prepare(string uri, UnixDomainSocketEndPoint endPoint)
    {
        string path = endPoint.ToString();
        if (Directory.Exists(path))
            throw new ListenException(uri, "the path is a directory");
        if (!File.Exists(path))
            return;

        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        probe.Blocking = false;
        try
        {
            probe.Connect(endPoint);
            throw new ListenException(uri, "address already in use");
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused)
        {
            // Nobody listens, or it is no socket at all: connect does not tell.
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.WouldBlock)
        {
            throw new ListenException(uri, "address already in use", e);
        }
        catch (SocketException e)
        {
            throw new ListenException(uri, e.Message, e);
        }

        if (!IsSocket(path))
            throw new ListenException(uri, "the file exists and is not a socket");
        Remove(path);
    }

    public static void Remove(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Bind reports it if the file is still in the way.
        }
    }

    private static bool IsSocket(string path)
    {
        if (!OperatingSystem.IsLinux())
            return true;

        // A socket is the file that cannot be opened.
        int fd = Libc.Open(path);
        if (fd >= 0)
            Libc.Close(fd);
        return fd == -Errno.NoSuchDeviceOrAddress;
    }
}
