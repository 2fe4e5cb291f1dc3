using System.Net.Sockets;
using Whimbrel.Protocol;

namespace Whimbrel.EndToEnd;

/// <summary>
/// What messages cost the heap of the whole process, from socket to socket over the event loop. The figures of the core alone are exact
/// (Whimbrel.Broker.Tests); here heartbeat, runtime and test runner share the heap, so there is a little room. Alone, because the process is shared.
/// </summary>
[Collection(nameof(ProcessResourceTests))]
public class SocketAllocationTests
{
    private const int Batch = 50;
    private const int Batches = 1000;

    [Theory]
    [InlineData(QoS.AtMostOnce, 2)]
    [InlineData(QoS.AtLeastOnce, 90)]
    [InlineData(QoS.ExactlyOnce, 90)]
    public async Task Messages_from_socket_to_socket_allocate_no_more_than_this(QoS qos, double bytesPerMessage)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "event loops are there on Linux");
        await using var broker = await WiredBroker.StartAsync(Carrier.OneLoop);
        await using var subscriber = await broker.ConnectAsync("subscriber", ProtocolVersion.Mqtt311);
        await subscriber.SubscribeAsync("a/b", qos);
        await using var publisher = await broker.ConnectAsync("publisher", ProtocolVersion.Mqtt311);
        var traffic = new Traffic(publisher.Socket, subscriber.Socket, qos);
        traffic.Run(Batches);
        int collections = GC.CollectionCount(2);
        long before = AllocatedElsewhere();
        traffic.Run(Batches);
        double allocated = (AllocatedElsewhere() - before) / (double)(Batches * Batch);
        Assert.True(allocated <= bytesPerMessage, $"{allocated} bytes per message, the gate is {bytesPerMessage}");
        Assert.Equal(collections, GC.CollectionCount(2));
    }

    /// <summary>By every thread but this one, whose sockets allocate when they wait.</summary>
    private static long AllocatedElsewhere() => GC.GetTotalAllocatedBytes(precise: true) - GC.GetAllocatedBytesForCurrentThread();

    /// <summary>One publisher and one subscriber that send and read bytes whose number is known, on the thread that calls.</summary>
    private sealed class Traffic
    {
        private readonly Socket _publisher;
        private readonly Socket _subscriber;
        private readonly QoS _qos;
        private readonly byte[] _packets;
        private readonly byte[] _read;
        private readonly byte[] _answers = new byte[Batch * 4];
        private readonly int _length;

        public Traffic(Socket publisher, Socket subscriber, QoS qos)
        {
            _publisher = publisher;
            _subscriber = subscriber;
            _qos = qos;
            var packets = new List<byte>();
            for (ushort id = 1; id <= Batch; id++)
                packets.AddRange(WireClient.PublishBytes("a/b", new byte[16], ProtocolVersion.Mqtt311, qos, qos == QoS.AtMostOnce ? (ushort)0 : id));
            _packets = [.. packets];
            _read = new byte[_packets.Length];
            _length = _packets.Length / Batch;
        }

        public void Run(int batches)
        {
            for (int i = 0; i < batches; i++)
            {
                _publisher.Send(_packets);
                Read(_subscriber, _packets.Length);
                if (_qos == QoS.AtMostOnce)
                    continue;
                // The identifier follows the topic: fixed header (2), length (2), topic (3).
                for (int message = 0; message < Batch; message++)
                    Answer(message, _qos == QoS.AtLeastOnce ? PacketType.PubAck : PacketType.PubRec, _read.AsSpan((message * _length) + 7, 2));
                _subscriber.Send(_answers);
                Read(_publisher, _answers.Length);
                if (_qos == QoS.AtLeastOnce)
                    continue;
                AnswerAll(_publisher, PacketType.PubRel);
                Read(_publisher, _answers.Length);
                Read(_subscriber, _answers.Length);
                AnswerAll(_subscriber, PacketType.PubComp);
            }
        }

        /// <summary>Answers every acknowledgement that was just read.</summary>
        private void AnswerAll(Socket socket, PacketType type)
        {
            for (int message = 0; message < Batch; message++)
                Answer(message, type, _read.AsSpan((message * 4) + 2, 2));
            socket.Send(_answers);
        }

        private void Answer(int message, PacketType type, ReadOnlySpan<byte> id)
        {
            Span<byte> answer = _answers.AsSpan(message * 4, 4);
            answer[0] = (byte)(((int)type << 4) | (type == PacketType.PubRel ? 2 : 0));
            answer[1] = 2;
            id.CopyTo(answer[2..]);
        }

        private void Read(Socket socket, int length)
        {
            for (int read = 0; read < length;)
            {
                // Waits on this thread; a Receive that waits has others do it.
                Assert.True(socket.Poll(WiredBroker.Bound, SelectMode.SelectRead), "nothing came");
                int count = socket.Receive(_read.AsSpan(read, length - read));
                Assert.NotEqual(0, count);
                read += count;
            }
        }
    }
}
