using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Whimbrel.Cli.Tests;

/// <summary>Servers that refuse, are too old or are none: each connection is answered from a script.</summary>
public class HandshakeTests
{
    private static readonly byte[] Accepted311 = [0x20, 0x02, 0x00, 0x00];
    private const byte Subscribe = 0x82;

    private static readonly byte[] PingRequest = [0xC0, 0x00];
    private static readonly byte[] PingResponse = [0xD0, 0x00];

    [Fact]
    public async Task A_server_of_3_1_1_gets_3_1_1()
    {
        await using var server = new ScriptedServer([0x20, 0x02, 0x00, 0x01], Accepted311);
        using var world = new ToolWorld();
        Assert.Equal(0, await world.RunAsync("pub", "-p", server.Port, "a", "b"));
        Assert.Equal([5, 4], server.Levels);
        Assert.Equal("", world.Error);
    }

    [Fact]
    public async Task A_server_of_5_that_refuses_5_gets_3_1_1()
    {
        await using var server = new ScriptedServer([0x20, 0x03, 0x00, 0x84, 0x00], Accepted311);
        using var world = new ToolWorld();
        Assert.Equal(0, await world.RunAsync("pub", "-p", server.Port, "a", "b"));
        Assert.Equal([5, 4], server.Levels);
    }

    [Fact]
    public async Task A_server_that_closes_on_5_gets_3_1_1()
    {
        await using var server = new ScriptedServer([], Accepted311);
        using var world = new ToolWorld();
        Assert.Equal(0, await world.RunAsync("pub", "-p", server.Port, "a", "b"));
        Assert.Equal([5, 4], server.Levels);
    }

    [Fact]
    public async Task A_server_that_closes_on_everything_is_named_once()
    {
        await using var server = new ScriptedServer([], []);
        using var world = new ToolWorld();
        Assert.Equal(3, await world.RunAsync("pub", "-p", server.Port, "a", "b"));
        Assert.Equal($"whimbrel: mqtt://localhost:{server.Port} cannot be reached: it closed the connection when it had seen CONNECT; is that an MQTT port?\n", world.Error);
    }

    [Fact]
    public async Task A_version_that_was_asked_for_does_not_fall_back()
    {
        await using var server = new ScriptedServer([0x20, 0x02, 0x00, 0x01]);
        using var world = new ToolWorld();
        Assert.Equal(4, await world.RunAsync("pub", "-p", server.Port, "-V", "5", "a", "b"));
        Assert.Equal($"whimbrel: mqtt://localhost:{server.Port} refused the connection: Unsupported Protocol Version (return code 1); try another -V\n", world.Error);
        Assert.Equal([5], server.Levels);
    }

    [Theory]
    [InlineData("5", new byte[] { 0x20, 0x03, 0x00, 0x86, 0x00 }, "Bad User Name or Password (0x86); no user name was given: use -u NAME and --password-file FILE", 134)]
    [InlineData("5", new byte[] { 0x20, 0x03, 0x00, 0x87, 0x00 }, "Not authorized (0x87); no user name was given: use -u NAME and --password-file FILE", 135)]
    [InlineData("5", new byte[] { 0x20, 0x08, 0x00, 0x97, 0x05, 0x1F, 0x00, 0x02, (byte)'n', 0x0A }, "Quota exceeded (0x97): n\\u000a", 151)]
    [InlineData("5", new byte[] { 0x20, 0x07, 0x00, 0x9D, 0x04, 0x1C, 0x00, 0x01, (byte)'h' }, "Server moved (0x9D); it names h", 157)]
    [InlineData("311", new byte[] { 0x20, 0x02, 0x00, 0x05 }, "Not authorized (return code 5); no user name was given: use -u NAME and --password-file FILE", 5)]
    [InlineData("311", new byte[] { 0x20, 0x02, 0x00, 0x03 }, "Server unavailable (return code 3)", 3)]
    public async Task A_refusal_has_name_number_and_what_to_do(string version, byte[] answer, string text, int mosquittoCode)
    {
        await using var server = new ScriptedServer(answer, answer);
        using var world = new ToolWorld();
        Assert.Equal(4, await world.RunAsync("pub", "-p", server.Port, "-V", version, "a", "b"));
        Assert.Equal($"whimbrel: mqtt://localhost:{server.Port} refused the connection: {text}\n", world.Error);
        Assert.Equal(mosquittoCode, await world.RunAsync("pub", "-p", server.Port, "-V", version, "a", "b", "--mosquitto-exit-codes"));
    }

    [Theory]
    [InlineData(new byte[] { 0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x46 }, 3, "{0} cannot be reached: it speaks TLS there: use mqtts://")]
    [InlineData(new byte[] { 0x48, 0x54, 0x54, 0x50, 0x2F, 0x31 }, 3, "{0} cannot be reached: it speaks HTTP there; is that a web or WebSocket port?")]
    [InlineData(new byte[] { 0x53, 0x53, 0x48, 0x2D, 0x32 }, 3, "{0} cannot be reached: it speaks SSH there")]
    [InlineData(new byte[] { 0x00, 0x01, 0x02 }, 3, "{0} cannot be reached: the answer is not MQTT")]
    [InlineData(new byte[] { 0x20, 0x01, 0x00 }, 3, "{0} cannot be reached: its CONNACK is malformed: ")]
    [InlineData(new byte[] { 0xF0, 0x06, 0x18, 0x04, 0x15, 0x00, 0x01, (byte)'m' }, 4, "The server asks for authentication and there is no authenticator")]
    public async Task What_is_no_MQTT_server_is_guessed_at(byte[] answer, int code, string text)
    {
        await using var server = new ScriptedServer(answer, answer);
        using var world = new ToolWorld();
        Assert.Equal(code, await world.RunAsync("pub", "-p", server.Port, "a", "b"));
        Assert.StartsWith($"whimbrel: {string.Format(null, text, $"mqtt://localhost:{server.Port}")}", world.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_answer_may_come_byte_by_byte_with_a_message_right_behind()
    {
        byte[] publish = [0x30, 0x05, 0x00, 0x01, (byte)'t', (byte)'h', (byte)'i'];
        await using var server = new ScriptedServer(Accepted311) { ByteByByte = true, BehindSubAck = publish };
        using var world = new ToolWorld();
        Assert.Equal(0, await world.RunAsync("sub", "-p", server.Port, "-V", "311", "t", "-C", "1"));
        Assert.Equal("hi\n", world.Output);
    }

    [Theory]
    [InlineData(new byte[] { 0x36, 0x03, 0x00, 0x01, 0x74 }, "PUBLISH has QoS 3")]
    [InlineData(new byte[] { 0xC0, 0x00 }, "a packet that only clients send")]
    public async Task A_server_that_breaks_the_protocol_is_named(byte[] behind, string text)
    {
        await using var server = new ScriptedServer(Accepted311) { BehindSubAck = behind };
        using var world = new ToolWorld();
        var receiving = world.RunAsync("sub", "-p", server.Port, "-V", "311", "t");
        await world.SaysAsync("connecting again");
        world.Interrupt();
        Assert.Equal(130, await receiving);
        Assert.Contains($"whimbrel: mqtt://localhost:{server.Port} broke the protocol: {text}", world.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_repeated_message_of_QoS_2_is_printed_once()
    {
        byte[] publish = [0x34, 0x06, 0x00, 0x01, (byte)'t', 0x00, 0x09, (byte)'x'];
        byte[] again = [.. publish];
        again[0] |= 0x08;
        byte[] other = [0x30, 0x04, 0x00, 0x01, (byte)'t', (byte)'y'];
        await using var server = new ScriptedServer(Accepted311) { BehindSubAck = [.. publish, .. again, .. other] };
        using var world = new ToolWorld();
        Assert.Equal(0, await world.RunAsync("sub", "-p", server.Port, "-V", "311", "-q", "2", "t", "-C", "2"));
        Assert.Equal("x\ny\n", world.Output);
        Assert.EndsWith("50020009" + "E000", Convert.ToHexString(await server.ReceivedAsync()), StringComparison.Ordinal);
    }

    [Fact]
    public async Task No_more_messages_are_under_way_than_the_server_receives()
    {
        // Receive Maximum 2: the third message must wait, and no acknowledgement comes.
        await using var server = new ScriptedServer([0x20, 0x06, 0x00, 0x00, 0x03, 0x21, 0x00, 0x02]);
        using var world = new ToolWorld { Input = "1\n2\n3\n" };
        var publishing = world.RunAsync("pub", "-d", "-p", server.Port, "-q", "1", "t", "-l");
        await world.SaysAsync("id 2");
        world.Interrupt();
        Assert.Equal(130, await publishing);
        Assert.DoesNotContain("id 3", world.Error, StringComparison.Ordinal);
    }

    /// <summary>Answers the CONNECT of each connection with the next script, and closes when it is empty or the client closes.</summary>
    private sealed class ScriptedServer : IAsyncDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly List<byte> _received = [];
        private readonly Task _serving;

        public ScriptedServer(params byte[][] scripts)
        {
            _listener.Start();
            Port = ((IPEndPoint)_listener.LocalEndpoint).Port.ToString(System.Globalization.CultureInfo.InvariantCulture);
            _serving = ServeAsync(scripts);
        }

        public string Port { get; }

        public bool ByteByByte { get; init; }

        /// <summary>What follows the answer to SUBSCRIBE.</summary>
        public byte[] BehindSubAck { get; init; } = [];

        /// <summary>The protocol level of every CONNECT.</summary>
        public List<int> Levels { get; } = [];

        /// <summary>What the client sent behind CONNECT, when it has closed.</summary>
        public async Task<byte[]> ReceivedAsync()
        {
            await _serving;
            return [.. _received];
        }

        public async ValueTask DisposeAsync()
        {
            _listener.Stop();
            try
            {
                await _serving;
            }
            catch (SocketException)
            {
                // Fewer connections came than there are scripts.
            }
            catch (InvalidOperationException)
            {
                // The same, seen before the next was waited for.
            }
        }

        private async Task SendAsync(Socket client, byte[] bytes)
        {
            for (int i = 0; i < bytes.Length; i += ByteByByte ? 1 : bytes.Length)
                await client.SendAsync(ByteByByte ? bytes.AsMemory(i, 1) : bytes);
        }

        private async Task ServeAsync(byte[][] scripts)
        {
            foreach (byte[] script in scripts)
            {
                using var client = await _listener.AcceptSocketAsync();
                byte[] buffer = new byte[4096];
                int count = await client.ReceiveAsync(buffer);
                int name = buffer.AsSpan(0, count).IndexOf(Encoding.ASCII.GetBytes("MQTT"));
                Levels.Add(buffer[name + 4]);
                await SendAsync(client, script);
                while (script.Length > 0 && (count = await client.ReceiveAsync(buffer)) > 0)
                {
                    _received.AddRange(buffer.AsSpan(0, count));
                    if (buffer.AsSpan(0, count).EndsWith(PingRequest))
                        await client.SendAsync(PingResponse);
                    if (buffer[0] == Subscribe)
                        await SendAsync(client, [0x90, 0x03, buffer[2], buffer[3], 0x02, .. BehindSubAck]);
                }
            }
        }
    }
}
