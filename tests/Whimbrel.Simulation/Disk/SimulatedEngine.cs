using Whimbrel.Broker;
using Whimbrel.Storage;

namespace Whimbrel.Simulation;

/// <summary>
/// The engine of one process over the disk that outlives it. A write takes virtual time, in which the rest of the world goes on; it may
/// fail; and when the process dies meanwhile, chance decides whether the batch is there as a whole or not at all.
/// </summary>
internal sealed class SimulatedEngine(World world, SimulatedDisk disk, SimulatedServer server) : IEngine
{
    private readonly int _process = server.Process;

    public void Write(EngineBatch batch)
    {
        byte[] bytes = batch.Bytes.ToArray();
        if (world.IsDiskFull)
        {
            // The attempt may have reached the disk all the same.
            bool isThere = world.Chance.Percent(30);
            if (isThere)
                Keep(bytes);
            world.Happened(isThere ? "write failed for want of space and reached the disk" : "write failed for want of space");
            world.Trace.Add($"disk: full{(isThere ? ", but the batch is there" : "")}");
            throw new StoreException(StoreFailure.Full, "the simulated disk is full");
        }

        world.Agenda.RunUntil(world.Agenda.Now + world.CommitTime(), () => server.Process != _process);
        if (server.Process != _process)
        {
            bool isThere = world.Chance.Percent(50);
            if (isThere)
                Keep(bytes);
            world.Happened(isThere ? "killed during a write that is there" : "killed during a write that is lost");
            world.Trace.Add($"disk: the batch under way is {(isThere ? "there" : "lost")}");
            throw new ProcessKilledException();
        }

        if (world.TakeDiskFailure())
        {
            if (world.Chance.Percent(50))
                Keep(bytes);
            throw new StoreException(StoreFailure.Broken, "the simulated disk is broken");
        }

        Keep(bytes);
    }

    public void Scan(Family family, ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, EntryVisitor visit) => disk.Scan(family, from, to, visit);

    public void Checkpoint(string directory) => throw new NotSupportedException();

    public void Dispose()
    {
    }

    private void Keep(byte[] bytes)
    {
        disk.Apply(bytes);
        world.Model.Kept();
    }
}

/// <summary>The process that waited for the disk is no more.</summary>
internal sealed class ProcessKilledException : Exception
{
    public ProcessKilledException()
        : base("the simulated process was killed")
    {
    }
}
