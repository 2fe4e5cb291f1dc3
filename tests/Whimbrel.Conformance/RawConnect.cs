using System.Text;
using Whimbrel.Protocol;

namespace Whimbrel.Conformance;

/// <summary>A CONNECT whose every byte the test decides, so that it can be wrong.</summary>
internal sealed record RawConnect(ProtocolVersion Version)
{
    public byte FirstByte { get; init; } = 0x10;

    public string ProtocolName { get; init; } = Version == ProtocolVersion.Mqtt31 ? "MQIsdp" : "MQTT";

    public byte Level { get; init; } = (byte)Version;

    /// <summary>Clean start alone unless the test says otherwise.</summary>
    public byte Flags { get; init; } = 0x02;

    public ushort KeepAliveSeconds { get; init; }

    /// <summary>The property block of 5.0, without its length.</summary>
    public byte[] Properties { get; init; } = [];

    /// <summary>The payload's fields as they stand on the wire.</summary>
    public byte[][] Fields { get; init; } = [Text("client")];

    public static byte[] Text(string text) => Binary(Encoding.UTF8.GetBytes(text));

    /// <summary>Two bytes of length and the bytes.</summary>
    public static byte[] Binary(params byte[] bytes) => [(byte)(bytes.Length >> 8), (byte)bytes.Length, .. bytes];

    public static byte[] UserProperty(string name, string value) => [0x26, .. Text(name), .. Text(value)];

    public static byte[] Number(PropertyId id, uint value, int width)
    {
        byte[] bytes = new byte[width + 1];
        bytes[0] = (byte)id;
        for (int i = width; i > 0; i--, value >>= 8)
            bytes[i] = (byte)value;
        return bytes;
    }

    public byte[] ToBytes()
    {
        byte[] block = Version == ProtocolVersion.Mqtt50 ? [(byte)Properties.Length, .. Properties] : [];
        byte[] body =
        [
            .. Text(ProtocolName), Level, Flags, (byte)(KeepAliveSeconds >> 8), (byte)KeepAliveSeconds, .. block, .. Fields.SelectMany(field => field),
        ];
        byte[] length = body.Length < 128 ? [(byte)body.Length] : [(byte)(body.Length | 0x80), (byte)(body.Length >> 7)];
        return [FirstByte, .. length, .. body];
    }

    public TestClient SendOn(TestClient client)
    {
        client.Version = Version;
        return client.SendBytes(ToBytes());
    }
}
