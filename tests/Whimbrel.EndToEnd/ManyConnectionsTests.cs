using System.Net;
using System.Net.Sockets;
using System.Text;
using Whimbrel.Hosting;
using Whimbrel.Protocol;

namespace Whimbrel.EndToEnd;

public class ManyConnectionsTests
{
    /// <summary>Each takes two descriptors in this process.</summary>
    private const int Connections = 9000;

    private const int DescriptorsMin = 20_000;

    [Fact]
    public async Task Nine_thousand_idle_connections_stand_beside_traffic()
    {
        Assert.SkipUnless(OpenFilesMax() >= DescriptorsMin, $"the open-files limit is below {DescriptorsMin:N0}");
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(LinkKind.EventLoop);
        var idle = new List<Socket>(Connections);
        try
        {
            byte[] connAck = new byte[64];
            for (int i = 0; i < Connections; i++)
            {
                var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                idle.Add(socket);
                await socket.ConnectAsync(IPAddress.Loopback, broker.Port, TestContext.Current.CancellationToken);
                await socket.SendAsync(ConnectAndSubscribe(i), TestContext.Current.CancellationToken);
                // CONNACK (4 bytes) and SUBACK (5 bytes) of 3.1.1.
                for (int read = 0; read < 9;)
                    read += await socket.ReceiveAsync(connAck.AsMemory(read), TestContext.Current.CancellationToken);
            }

            Assert.Equal(Connections, broker.Statistics.ClientsConnected);
            // Everybody gets a message of its own, through the crowd.
            byte[] buffer = new byte[256];
            for (int i = 0; i < Connections; i++)
                await broker.PublishAsync($"idle/{i}", "to " + i);
            for (int i = 0; i < Connections; i++)
            {
                string expected = "to " + i;
                int read = 0;
                while (read == 0 || !Encoding.UTF8.GetString(buffer, 0, read).EndsWith(expected, StringComparison.Ordinal))
                {
                    int count = await idle[i].ReceiveAsync(buffer.AsMemory(read), TestContext.Current.CancellationToken);
                    Assert.NotEqual(0, count);
                    read += count;
                }
            }

            Assert.Equal(0, broker.Statistics.DroppedTotal);
        }
        finally
        {
            foreach (Socket socket in idle)
                socket.Dispose();
        }
    }

    /// <summary>The hard limit, to which the runtime raises the soft one; 0 where it cannot be read.</summary>
    private static int OpenFilesMax()
    {
        const string Limits = "/proc/self/limits";
        string? line = File.Exists(Limits) ? File.ReadLines(Limits).FirstOrDefault(line => line.StartsWith("Max open files", StringComparison.Ordinal)) : null;
        return line is null ? 0 : int.TryParse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[4], out int max) ? max : int.MaxValue;
    }

    private static byte[] ConnectAndSubscribe(int number)
    {
        var connect = new ConnectPacket { Version = ProtocolVersion.Mqtt311, CleanStart = true, ClientId = Encoding.UTF8.GetBytes("idle-" + number) };
        byte[] topic = Encoding.UTF8.GetBytes("idle/" + number);
        var subscribe = new SubscribePacket { PacketId = 1, EncodedFilters = (byte[])[0, (byte)topic.Length, .. topic, 0] };
        byte[] bytes = new byte[connect.Measure(ProtocolVersion.Mqtt311) + subscribe.Measure(ProtocolVersion.Mqtt311)];
        int written = connect.Write(bytes, ProtocolVersion.Mqtt311);
        subscribe.Write(bytes.AsSpan(written), ProtocolVersion.Mqtt311);
        return bytes;
    }
}
