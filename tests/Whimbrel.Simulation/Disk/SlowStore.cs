using Whimbrel.Broker;

namespace Whimbrel.Simulation;

/// <summary>
/// Stands between the writer and the real layout: notes which state of the model a batch stands for, and lets time pass between the
/// taking of a batch and its encoding, as a thread that is not alone does.
/// </summary>
internal sealed class SlowStore(World world, DurableStore store, SimulatedServer server) : DurableStore
{
    private readonly int _process = server.Process;
    private long _lastPosition;

    public override string Location => store.Location;

    internal override bool HasRoom => store.HasRoom;

    internal override void Recover(IRecoveryVisitor visitor) => store.Recover(visitor);

    internal override void Write(StoreBatch batch)
    {
        world.Agenda.Step();
        // A batch that failed is written again: it still says what it said when it was taken.
        if (batch.Position != _lastPosition)
            world.Model.Taken();
        _lastPosition = batch.Position;
        if (world.Chance.Percent(20))
            world.Agenda.RunUntil(world.Agenda.Now + world.Chance.Below(10), () => server.Process != _process);
        if (server.Process != _process)
            throw new ProcessKilledException();
        store.Write(batch);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            store.Dispose();
    }
}
