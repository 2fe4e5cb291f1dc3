namespace Whimbrel.Crash.Brokers;

/// <summary>Where the broker's directory lies, and so what the end of a life leaves of it.</summary>
internal abstract class Disk : IAsyncDisposable
{
    /// <summary>The same in every life.</summary>
    public abstract string Directory { get; }

    /// <summary>Ends the broker at this instant.</summary>
    public abstract Task EndAsync(BrokerProcess broker);

    public abstract ValueTask DisposeAsync();
}

/// <summary>A directory of this machine: SIGKILL takes the broker's memory, and leaves everything that it has handed to the system.</summary>
internal sealed class PlainDisk : Disk
{
    public override string Directory { get; } = System.IO.Directory.CreateTempSubdirectory("whimbrel-crash-").FullName;

    public override Task EndAsync(BrokerProcess broker) => broker.KillAsync();

    public override ValueTask DisposeAsync()
    {
        System.IO.Directory.Delete(Directory, recursive: true);
        return ValueTask.CompletedTask;
    }
}
