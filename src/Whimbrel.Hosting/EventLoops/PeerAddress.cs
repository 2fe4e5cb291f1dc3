using System.Buffers.Binary;
using System.Net;
using System.Runtime.InteropServices;

namespace Whimbrel.Hosting;

/// <summary>Who connected, in 20 bytes instead of a string for every idle connection; it becomes text when somebody asks.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 2)]
internal readonly struct PeerAddress
{
    /// <summary>The length of sockaddr_in6. Accept cuts longer ones, which we do not look into.</summary>
    public const int SocketAddressBytesMax = 28;

    private const ushort FamilyIPv4 = 2;
    private const ushort FamilyIPv6 = 10;

    private readonly ulong _first;
    private readonly ulong _second;
    private readonly ushort _port;
    private readonly ushort _family;

    /// <param name="socketAddress">What accept wrote: a sockaddr_in, sockaddr_in6 or sockaddr_un.</param>
    public PeerAddress(ReadOnlySpan<byte> socketAddress)
    {
        _family = socketAddress.Length < 2 ? (ushort)0 : MemoryMarshal.Read<ushort>(socketAddress);
        if (_family == FamilyIPv4)
        {
            _port = BinaryPrimitives.ReadUInt16BigEndian(socketAddress[2..]);
            _first = BinaryPrimitives.ReadUInt32BigEndian(socketAddress[4..]);
        }
        else if (_family == FamilyIPv6)
        {
            _port = BinaryPrimitives.ReadUInt16BigEndian(socketAddress[2..]);
            _first = BinaryPrimitives.ReadUInt64BigEndian(socketAddress[8..]);
            _second = BinaryPrimitives.ReadUInt64BigEndian(socketAddress[16..]);
        }
    }

    public override string ToString()
    {
        Span<byte> bytes = stackalloc byte[16];
        switch (_family)
        {
            case FamilyIPv4:
                BinaryPrimitives.WriteUInt32BigEndian(bytes, (uint)_first);
                return new IPEndPoint(new IPAddress(bytes[..4]), _port).ToString();
            case FamilyIPv6:
                BinaryPrimitives.WriteUInt64BigEndian(bytes, _first);
                BinaryPrimitives.WriteUInt64BigEndian(bytes[8..], _second);
                var address = new IPAddress(bytes);
                return new IPEndPoint(address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address, _port).ToString();
            default:
                return "unix";
        }
    }
}
