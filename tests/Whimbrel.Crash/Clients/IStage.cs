using Whimbrel.Crash.Judging;
using Whimbrel.Protocol;

namespace Whimbrel.Crash.Clients;

/// <summary>What all clients of a run share.</summary>
internal interface IStage
{
    Oracle Oracle { get; }

    Act Act { get; }

    /// <summary>The number of the broker process that listens; 0 while there is none.</summary>
    int Life { get; }

    int Port { get; }

    Message NewMessage(string topic, QoS qos, bool retain, int size);
}

/// <summary>What the run is about at the moment.</summary>
internal enum Act
{
    /// <summary>Everybody does what its plan says; the broker may be killed.</summary>
    Load,

    /// <summary>Everybody comes back and ends what it has begun.</summary>
    Gather,

    /// <summary>One more message on every topic: it reaches who still has its subscription, and nobody else.</summary>
    Probe,

    /// <summary>Everybody asks for an answer: what the broker sent before has then been seen.</summary>
    Flush,
}
