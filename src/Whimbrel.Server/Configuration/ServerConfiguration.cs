using Microsoft.Extensions.Logging;
using Whimbrel.Broker;
using Whimbrel.Hosting;

namespace Whimbrel.Server;

/// <summary>How links are carried.</summary>
public enum LinkChoice
{
    /// <summary>Event loops where the system has them (Linux), pipes elsewhere.</summary>
    Auto,
    EventLoop,
    Pipes,
}

/// <summary>The effective configuration of a stand-alone broker: what <see cref="Settings"/> reads and shows.</summary>
public sealed record ServerConfiguration
{
    /// <summary>Where the broker listens when nothing says otherwise: this machine only.</summary>
    public static ListenEndpoint DefaultListen { get; } = ListenEndpoint.Parse("mqtt://localhost:1883");

    public IReadOnlyList<ListenEndpoint> Listen { get; init; } = [DefaultListen];

    public LinkChoice Links { get; init; }

    /// <summary>Event loop threads; 0 for one per core.</summary>
    public int EventLoops { get; init; }

    public LogLevel LogLevel { get; init; } = LogLevel.Information;

    public BrokerOptions Limits { get; init; } = new();
}
