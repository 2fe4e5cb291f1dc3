using Whimbrel.Broker;

namespace Whimbrel.Hosting;

/// <summary>How the broker is embedded.</summary>
public sealed class WhimbrelOptions
{
    /// <summary>What is listened on when <see cref="Listen"/> is empty: this machine only.</summary>
    public const string DefaultListen = "mqtt://localhost:1883";

    /// <summary>Where to listen, in the spelling of <see cref="ListenEndpoint.Parse"/>. Empty for <see cref="DefaultListen"/>.</summary>
    public IList<string> Listen { get; } = [];

    /// <summary>False for a broker that is used only from inside the process.</summary>
    public bool IsListening { get; set; } = true;

    public LinkKind LinkKind { get; set; }

    /// <summary>How many event loops; 0 for one up to 4 cores and half of the cores above.</summary>
    public int EventLoops { get; set; }

    /// <summary>Bounds and choices of the broker itself.</summary>
    public BrokerOptions Broker { get; set; } = new();

    /// <summary>
    /// Opens the store that keeps sessions, queues and retained messages; called when the broker starts, and the store is closed when it
    /// stops. Null keeps everything in memory.
    /// </summary>
    public Func<DurableStore>? Store { get; set; }

    /// <summary>Checks user names and passwords. Null for the registered service or, without one, everybody.</summary>
    public IAuthenticator? Authenticator { get; set; }

    /// <summary>Decides what clients may do. Null for the registered service or, without one, everything.</summary>
    public IAuthorizer? Authorizer { get; set; }

    public IList<IAuthenticationMethod> AuthenticationMethods { get; } = [];

    public TimeProvider TimeProvider { get; set; } = TimeProvider.System;
}
