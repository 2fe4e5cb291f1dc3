using System.Net.Sockets;
using Whimbrel.Protocol;

namespace Whimbrel.Cli.Wire;

/// <summary>Sends CONNECT, reads CONNACK and explains what can go wrong between the two.</summary>
internal static class WireHandshake
{
    // CONNACK carries no payload; nobody sends a long one.
    private const uint AnswerSizeMax = 256 * 1024;

    /// <returns>What the server said, and what it sent right behind it.</returns>
    /// <exception cref="CommandFailure">The server refused, or is no MQTT server.</exception>
    /// <exception cref="VersionRefused">The server does not speak this version.</exception>
    public static async Task<(WireConnected Connected, byte[] Behind)> RunAsync(
        Socket socket, WireTarget target, WireConnect connect, TimeSpan patience, CancellationToken cancel)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(patience);
        byte[] buffer = new byte[1024];
        int filled = 0;
        try
        {
            await WireSending.SendAllAsync(socket, Encode(connect), limit.Token).ConfigureAwait(false);
            while (true)
            {
                int count = await socket.ReceiveAsync(buffer.AsMemory(filled), limit.Token).ConfigureAwait(false);
                if (count == 0)
                    throw ClosedAtOnce(target, connect);
                filled += count;
                if (TryReadAnswer(buffer.AsSpan(0, filled), target, connect, out var connected, out int length))
                    return (connected, buffer[length..filled]);
                if (length > buffer.Length || filled == buffer.Length)
                    Array.Resize(ref buffer, Math.Max(length, buffer.Length * 2));
            }
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionReset or SocketError.ConnectionAborted or SocketError.Shutdown)
        {
            throw ClosedAtOnce(target, connect);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw target.Unreachable($"it accepted the connection and sent no CONNACK within {patience.TotalSeconds:0} seconds; is that an MQTT port?");
        }
    }

    /// <summary>CONNECT as bytes.</summary>
    internal static byte[] Encode(WireConnect connect)
    {
        var given = connect.Properties[PropertyScope.Connect];
        var will = connect.Properties[PropertyScope.Will];
        var packet = new ConnectPacket
        {
            Version = connect.Version,
            CleanStart = connect.CleanStart,
            KeepAliveSeconds = connect.KeepAliveSeconds,
            ClientId = WireText.Encode(connect.ClientId),
            HasUserName = connect.UserName is not null,
            UserName = WireText.Encode(connect.UserName ?? ""),
            HasPassword = connect.Password is not null,
            Password = connect.Password,
        };
        if (connect.Will is { } message)
        {
            packet.HasWill = true;
            packet.WillTopic = WireText.Encode(message.Topic);
            packet.WillPayload = message.Payload.Span;
            packet.WillQoS = message.QoS;
            packet.WillRetain = message.Retain;
        }

        if (connect.Version == ProtocolVersion.Mqtt50)
        {
            packet.SessionExpirySeconds = connect.SessionExpirySeconds ?? given.Number(PropertyId.SessionExpiryInterval);
            packet.ReceiveMaximum = (ushort?)given.Number(PropertyId.ReceiveMaximum);
            packet.MaximumPacketSize = given.Number(PropertyId.MaximumPacketSize);
            packet.TopicAliasMaximum = (ushort?)given.Number(PropertyId.TopicAliasMaximum);
            packet.RequestResponseInformation = Flag(given.Number(PropertyId.RequestResponseInformation));
            packet.RequestProblemInformation = Flag(given.Number(PropertyId.RequestProblemInformation));
            packet.HasAuthenticationMethod = given.Has(PropertyId.AuthenticationMethod);
            packet.AuthenticationMethod = given.Text(PropertyId.AuthenticationMethod);
            packet.HasAuthenticationData = given.Has(PropertyId.AuthenticationData);
            packet.AuthenticationData = given.Text(PropertyId.AuthenticationData);
            packet.UserPropertyBlock = given.UserBlock();
            packet.WillDelaySeconds = will.Number(PropertyId.WillDelayInterval) ?? 0;
            packet.WillMessageExpirySeconds = will.Number(PropertyId.MessageExpiryInterval);
            packet.WillProperties = will.Encode(p => p.Id is not (PropertyId.WillDelayInterval or PropertyId.MessageExpiryInterval));
        }

        byte[] bytes = new byte[packet.Measure(connect.Version)];
        packet.Write(bytes, connect.Version);
        return bytes;
    }

    private static bool TryReadAnswer(
        ReadOnlySpan<byte> bytes, WireTarget target, WireConnect connect, out WireConnected connected, out int length)
    {
        connected = null!;
        var status = FrameReader.TryRead(bytes, AnswerSizeMax, out var frame, out length, out _);
        if (status == FrameStatus.NeedMore && bytes[0] >> 4 is (int)PacketType.ConnAck or (int)PacketType.Auth)
            return false;
        if (status != FrameStatus.Complete || frame.Type is not (PacketType.ConnAck or PacketType.Auth))
            throw NotMqtt(bytes, target);
        if (frame.Type == PacketType.Auth)
        {
            throw new CommandFailure(
                ExitCode.Refused, $"{target} asks for a further authentication step, which this tool cannot answer (AUTH, Continue authentication, 0x18)");
        }

        // A server of 3.1.1 answers CONNECT of 5.0 in its own words.
        if (connect.Version == ProtocolVersion.Mqtt50 && frame.Body.Length == 2 && frame.Body[1] == (byte)ConnectReturnCode.UnacceptableProtocolVersion)
            throw new VersionRefused(target, connect.Version, frame.Body[1]);
        if (!ConnAckPacket.TryParse(frame, connect.Version, out var answer, out var violation))
            throw new CommandFailure(ExitCode.Failed, $"{target} sent a malformed CONNACK: {violation.Detail}");
        byte code = connect.Version == ProtocolVersion.Mqtt50 ? (byte)answer.Reason : (byte)answer.ReturnCode;
        if (answer.Reason == ReasonCode.UnsupportedProtocolVersion)
            throw new VersionRefused(target, connect.Version, code);
        if (answer.Reason != ReasonCode.Success)
            throw Refused(answer, target, connect, code);

        connected = new WireConnected(
            connect.Version,
            answer.AssignedClientId.IsEmpty ? connect.ClientId : System.Text.Encoding.UTF8.GetString(answer.AssignedClientId),
            answer.SessionPresent,
            answer.ServerKeepAliveSeconds ?? connect.KeepAliveSeconds,
            answer.ReceiveMaximum ?? ushort.MaxValue,
            answer.MaximumQoS ?? QoS.ExactlyOnce,
            answer.RetainAvailable ?? true,
            answer.MaximumPacketSize ?? uint.MaxValue);
        return true;
    }

    private static CommandFailure Refused(in ConnAckPacket answer, WireTarget target, WireConnect connect, byte code)
    {
        string name = ReasonText.Describe(connect.Version, answer.Reason, code, answer.ReasonString);
        string hint = answer.Reason switch
        {
            ReasonCode.BadUserNameOrPassword or ReasonCode.NotAuthorized when connect.UserName is null =>
                "; no user name was given: use -u NAME and --password-file FILE",
            ReasonCode.NotAuthorized => "; the user may not connect, or the name or password is wrong",
            ReasonCode.UseAnotherServer or ReasonCode.ServerMoved when !answer.ServerReference.IsEmpty =>
                $"; it names {Escaped.Text(answer.ServerReference)}",
            ReasonCode.ClientIdentifierNotValid when connect.ClientId.Length == 0 => "; it assigns no client identifiers: use -i ID",
            _ => "",
        };
        return new CommandFailure(ExitCode.Refused, $"{target} refused the connection: {name}{hint}", code);
    }

    private static CommandFailure NotMqtt(ReadOnlySpan<byte> bytes, WireTarget target)
    {
        string guess = bytes.StartsWith((byte[])[0x15, 0x03]) ? "it speaks TLS there, and TLS is not available yet"
            : bytes.StartsWith("HTTP/"u8) ? "it speaks HTTP there; is that a web or WebSocket port?"
            : bytes.StartsWith("SSH-"u8) ? "it speaks SSH there"
            : "the answer is not MQTT";
        return target.Unreachable(guess);
    }

    private static CommandFailure ClosedAtOnce(WireTarget target, WireConnect connect) => target.Port == WireTarget.TlsPort && target.UnixPath is null
        ? target.Unreachable($"it closed the connection at once; {WireTarget.TlsPort} is the port for TLS, and TLS is not available yet")
        : new VersionRefused(target, connect.Version, null);

    private static bool? Flag(uint? number) => number is { } n ? n != 0 : null;
}

/// <summary>The server does not speak the version, or closed the connection on CONNECT, as some do that do not.</summary>
internal sealed class VersionRefused(WireTarget target, ProtocolVersion version, byte? code) : CommandFailure(
    code is null ? ExitCode.Unreachable : ExitCode.Refused, Describe(target, version, code), code)
{
    /// <summary>Whether the server said so itself.</summary>
    public bool IsCertain => ConnectCode is not null;

    private static string Describe(WireTarget target, ProtocolVersion version, byte? code)
    {
        if (code is null)
            return $"cannot reach {target}: it closed the connection when it had seen CONNECT; is that an MQTT port?";
        string number = code >= 0x80 ? $"0x{code:X2}" : $"return code {code}";
        return $"{target} refused the connection: it does not speak MQTT {ReasonText.Name(version)} ({number}); try another -V";
    }
}
