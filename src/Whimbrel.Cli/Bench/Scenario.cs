using Whimbrel.Protocol;

namespace Whimbrel.Cli.Bench;

/// <summary>One kind of load. It is written as a straight line: what it waits for, it waits for in the run's loop.</summary>
internal abstract class Scenario
{
    public abstract string Name { get; }

    /// <summary>For the list of scenarios.</summary>
    public abstract string Summary { get; }

    /// <summary>Publishers, pairs or connections if nothing is said; null if the scenario leaves no choice.</summary>
    public virtual int? Clients => null;

    public virtual int? Subscribers => null;

    /// <summary>Subscribers besides that do not read; null if the scenario leaves no choice.</summary>
    public virtual int? Stalled => null;

    /// <summary>Subscriptions or messages if nothing is said; null if the scenario does not count.</summary>
    public virtual int? Count => null;

    /// <summary>Below this the broker does not say that it has a message, and some scenarios must know.</summary>
    public virtual QoS QoSMin => QoS.AtMostOnce;

    /// <summary>Whether what the broker's memory grows by is that of connections, if no messages are measured.</summary>
    public virtual bool MeasuresConnections => false;

    /// <summary>Whether several processes share one prefix of topics, so that it is not unique.</summary>
    public virtual bool HasFixedPrefix => false;

    /// <summary>Whether <c>--rate</c> has a meaning.</summary>
    public virtual bool TakesRate => false;

    /// <summary>Messages of one publisher that may be on their way if nothing is said: some 2,000 altogether, which is what a machine batches well.</summary>
    public virtual int Window(int clients) => Math.Clamp(2000 / Math.Max(1, clients), 1, 1000);

    public abstract void Run(BenchRun run);
}
