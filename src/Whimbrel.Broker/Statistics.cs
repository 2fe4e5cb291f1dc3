using System.Runtime.CompilerServices;

namespace Whimbrel.Broker;

/// <summary>Counts that one turn gathers without any sharing.</summary>
internal struct Tally
{
    public long PacketsReceived;
    public long PacketsSent;
    public long PublishesReceived;
    public long PublishesSent;
    public long BytesReceived;
    public long BytesSent;
    public long PublishBytesReceived;
    public long PublishBytesSent;
    public DropCounts Drops;

    public void Dropped(DropReason reason, int count)
    {
        Drops[(int)reason] += count;
        Drops[DropCounts.Total] += count;
    }

    public void Sent(int bytes)
    {
        PacketsSent++;
        BytesSent += bytes;
    }
}

[InlineArray(Length)]
internal struct DropCounts
{
    public const int Total = (int)DropReason.StoreFull + 1;
    private const int Length = Total + 1;

    private long _first;
}

/// <summary>What the broker has counted since it started. Thread-safe; each figure is exact at the end of every turn.</summary>
public sealed class BrokerStatistics
{
    private const int CloseReasons = (int)CloseReason.AdministrativeAction + 1;

    private readonly long[] _dropped = new long[DropCounts.Total + 1];
    private readonly long[] _closed = new long[CloseReasons];
    private long _packetsReceived;
    private long _packetsSent;
    private long _publishesReceived;
    private long _publishesSent;
    private long _bytesReceived;
    private long _bytesSent;
    private long _publishBytesReceived;
    private long _publishBytesSent;
    private long _connections;
    private long _connectionsMax;
    private long _refused;
    private long _sessionsExpired;
    private long _storeCommits;
    private long _storeMessages;

    internal BrokerStatistics()
    {
    }

    /// <summary>MQTT packets of every type received.</summary>
    public long PacketsReceived => Volatile.Read(ref _packetsReceived);

    /// <summary>MQTT packets of every type sent.</summary>
    public long PacketsSent => Volatile.Read(ref _packetsSent);

    public long PublishesReceived => Volatile.Read(ref _publishesReceived);

    public long PublishesSent => Volatile.Read(ref _publishesSent);

    public long BytesReceived => Volatile.Read(ref _bytesReceived);

    public long BytesSent => Volatile.Read(ref _bytesSent);

    /// <summary>Payload bytes of PUBLISH packets received.</summary>
    public long PublishBytesReceived => Volatile.Read(ref _publishBytesReceived);

    /// <summary>Payload bytes of PUBLISH packets sent.</summary>
    public long PublishBytesSent => Volatile.Read(ref _publishBytesSent);

    /// <summary>Clients connected now.</summary>
    public int ClientsConnected => (int)Volatile.Read(ref _connections);

    /// <summary>The most clients that were connected at one time.</summary>
    public int ClientsConnectedMax => (int)Volatile.Read(ref _connectionsMax);

    /// <summary>CONNECTs refused.</summary>
    public long ConnectionsRefused => Volatile.Read(ref _refused);

    /// <summary>Sessions that ended because their expiry interval passed.</summary>
    public long SessionsExpired => Volatile.Read(ref _sessionsExpired);

    /// <summary>Batches that were written to the store.</summary>
    public long StoreCommits => Volatile.Read(ref _storeCommits);

    /// <summary>Messages that were written to the store; those that everybody acknowledged before are not.</summary>
    public long StoreMessages => Volatile.Read(ref _storeMessages);

    /// <summary>Messages and copies dropped for all reasons together.</summary>
    public long DroppedTotal => Volatile.Read(ref _dropped[DropCounts.Total]);

    public long Dropped(DropReason reason) => Volatile.Read(ref _dropped[(int)reason]);

    /// <summary>Connections ended for a reason.</summary>
    public long Closed(CloseReason reason) => Volatile.Read(ref _closed[(int)reason]);

    internal void Add(ref Tally tally)
    {
        Add(ref _packetsReceived, tally.PacketsReceived);
        Add(ref _packetsSent, tally.PacketsSent);
        Add(ref _publishesReceived, tally.PublishesReceived);
        Add(ref _publishesSent, tally.PublishesSent);
        Add(ref _bytesReceived, tally.BytesReceived);
        Add(ref _bytesSent, tally.BytesSent);
        Add(ref _publishBytesReceived, tally.PublishBytesReceived);
        Add(ref _publishBytesSent, tally.PublishBytesSent);
        if (tally.Drops[DropCounts.Total] != 0)
        {
            for (int i = 0; i <= DropCounts.Total; i++)
                Add(ref _dropped[i], tally.Drops[i]);
        }

        tally = default;
    }

    internal void CountConnected()
    {
        long now = Interlocked.Increment(ref _connections);
        long max;
        while (now > (max = Volatile.Read(ref _connectionsMax)) && Interlocked.CompareExchange(ref _connectionsMax, now, max) != max)
        {
        }
    }

    internal void CountDisconnected() => Interlocked.Decrement(ref _connections);

    internal void CountClosed(CloseReason reason) => Interlocked.Increment(ref _closed[(int)reason]);

    internal void CountRefused() => Interlocked.Increment(ref _refused);

    internal void CountExpired() => Interlocked.Increment(ref _sessionsExpired);

    internal void CountStored(StoreBatch batch)
    {
        Interlocked.Increment(ref _storeCommits);
        Interlocked.Add(ref _storeMessages, batch.Messages.Count);
    }

    private static void Add(ref long total, long count)
    {
        if (count != 0)
            Interlocked.Add(ref total, count);
    }
}
