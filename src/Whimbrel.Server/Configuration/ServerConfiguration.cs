using Microsoft.Extensions.Logging;
using Whimbrel.Broker;
using Whimbrel.Hosting;
using Whimbrel.Storage;

namespace Whimbrel.Server;

/// <summary>The effective configuration of a stand-alone broker: what <see cref="Settings"/> reads and shows.</summary>
public sealed record ServerConfiguration
{
    /// <summary>Where the broker listens when nothing says otherwise: this machine only.</summary>
    public static ListenEndpoint DefaultListen { get; } = ListenEndpoint.Parse(WhimbrelOptions.DefaultListen);

    public IReadOnlyList<ListenEndpoint> Listen { get; init; } = [DefaultListen];

    public LinkKind Links { get; init; }

    /// <summary>Event loop threads; 0 for the hosting's choice by cores.</summary>
    public int EventLoops { get; init; }

    public LogLevel LogLevel { get; init; } = LogLevel.Information;

    /// <summary>Where sessions, queues and retained messages are kept.</summary>
    public StoreKind Store { get; init; }

    /// <summary>The data directory; null for <see cref="DefaultDataDirectory.Path"/>.</summary>
    public string? DataDirectory { get; init; }

    /// <summary>How much memory and log the store takes.</summary>
    public StoreProfile StoreProfile { get; init; }

    /// <summary>Bytes that must be free on the data directory's disk; below, what needs more room is refused.</summary>
    public long MinimumFreeBytes { get; init; } = 128 * 1024 * 1024;

    public BrokerOptions Limits { get; init; } = new();
}
