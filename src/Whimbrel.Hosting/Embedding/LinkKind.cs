namespace Whimbrel.Hosting;

/// <summary>What carries the connections.</summary>
public enum LinkKind
{
    /// <summary>Event loops on Linux, pipes elsewhere.</summary>
    Auto,

    /// <summary>Our own event loops over epoll. Linux only.</summary>
    EventLoop,

    /// <summary>The connection pipes of Kestrel's socket transport. About twice the processor time per message and several times the memory per idle connection.</summary>
    Pipes,
}
