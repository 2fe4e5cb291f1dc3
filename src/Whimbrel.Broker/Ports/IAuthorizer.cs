using Whimbrel.Protocol;

namespace Whimbrel.Broker;

/// <summary>What a client asks leave for.</summary>
public enum AccessAction : byte
{
    /// <summary>To be connected at all; asked after authentication.</summary>
    Connect,

    /// <summary>To publish to a topic; asked for the will's topic at CONNECT.</summary>
    Publish,

    /// <summary>To subscribe to a filter.</summary>
    Subscribe,

    /// <summary>To receive one message on a topic.</summary>
    Receive,
}

/// <summary>An authoriser's answer.</summary>
public enum Verdict : byte
{
    Allowed,
    Denied,

    /// <summary>The answer follows through <see cref="AccessRequest.Defer"/>'s object.</summary>
    Pending,
}

/// <summary>One question to the authoriser. Valid only during the call; spans point into buffers that are used again.</summary>
public ref struct AccessRequest
{
    private readonly IWakeable _owner;

    internal AccessRequest(IWakeable owner, AccessAction action, string clientId, string? userName)
    {
        _owner = owner;
        Action = action;
        ClientId = clientId;
        UserName = userName;
    }

    public AccessAction Action { get; }

    public string ClientId { get; }

    /// <summary>The user name that was authenticated, or null.</summary>
    public string? UserName { get; }

    /// <summary>The topic name or, for <see cref="AccessAction.Subscribe"/>, the filter as the client sent it, in UTF-8.</summary>
    public ReadOnlySpan<byte> Topic { get; init; }

    public QoS QoS { get; init; }

    public bool Retain { get; init; }

    internal Pending<Verdict>? Deferred { get; private set; }

    /// <summary>Call this and return <see cref="Verdict.Pending"/> to answer later.</summary>
    public Pending<Verdict> Defer() => Deferred ??= new Pending<Verdict>(_owner);
}

/// <summary>
/// Decides what authenticated clients may do. Called on the way of every packet, also under a session's gate: it must not block,
/// must not call the broker, and must be thread-safe. An answer that needs time is given later (<see cref="AccessRequest.Defer"/>).
/// </summary>
public interface IAuthorizer
{
    Verdict Authorize(ref AccessRequest request);
}

/// <summary>Allows everything to everybody.</summary>
internal sealed class AllowAll : IAuthorizer, IAuthenticator
{
    public static AllowAll Instance { get; } = new();

    public Verdict Authorize(ref AccessRequest request) => Verdict.Allowed;

    public AuthenticationStep Authenticate(ConnectRequest request, Func<Pending<AuthenticationStep>> defer) => AuthenticationStep.Success();
}
