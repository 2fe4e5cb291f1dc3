using Whimbrel.Protocol;

namespace Whimbrel.Broker;

/// <summary>How one step of an authentication ended.</summary>
public enum AuthenticationOutcome : byte
{
    Success,

    /// <summary>Send the data to the client with AUTH 0x18 and wait for its answer.</summary>
    Continue,

    Refused,

    /// <summary>The answer follows through the object that the defer function gave.</summary>
    Pending,
}

/// <summary>The result of one step of an authentication.</summary>
public readonly record struct AuthenticationStep(AuthenticationOutcome Outcome, ReasonCode Reason, ReadOnlyMemory<byte> AuthenticationData)
{
    /// <summary>
    /// With success: who the client is, for the authoriser to decide by. Null leaves it, with a password, to the user name that CONNECT
    /// gave; an enhanced authentication method has not looked at that name, so that there null means nobody in particular.
    /// </summary>
    public string? UserName { get; init; }

    public static AuthenticationStep Success(ReadOnlyMemory<byte> data = default) => new(AuthenticationOutcome.Success, ReasonCode.Success, data);

    /// <param name="userName">See <see cref="UserName"/>.</param>
    /// <param name="data">What CONNACK or AUTH says last.</param>
    public static AuthenticationStep SuccessAs(string userName, ReadOnlyMemory<byte> data = default) => Success(data) with { UserName = userName };

    public static AuthenticationStep Continue(ReadOnlyMemory<byte> data) => new(AuthenticationOutcome.Continue, ReasonCode.ContinueAuthentication, data);

    /// <param name="reason">0x86 BadUserNameOrPassword, 0x87 NotAuthorized, 0x8A Banned, 0x88 ServerUnavailable and the like.</param>
    public static AuthenticationStep Refuse(ReasonCode reason) => new(AuthenticationOutcome.Refused, reason, default);

    public static AuthenticationStep Pending { get; } = new(AuthenticationOutcome.Pending, ReasonCode.Success, default);
}

/// <summary>
/// Checks user name and password of CONNECT. Must not block and must be thread-safe; to answer later it takes an object from
/// <c>defer</c>, returns <see cref="AuthenticationStep.Pending"/> and answers through the object.
/// </summary>
public interface IAuthenticator
{
    AuthenticationStep Authenticate(ConnectRequest request, Func<Pending<AuthenticationStep>> defer);
}

/// <summary>An enhanced authentication method (MQTT 5.0 section 4.12), found by the name that CONNECT gives.</summary>
public interface IAuthenticationMethod
{
    /// <summary>The Authentication Method property's value, such as <c>SCRAM-SHA-256</c>; compared byte for byte.</summary>
    string Name { get; }

    /// <summary>Starts one exchange, at CONNECT or for a re-authentication.</summary>
    IAuthenticationExchange Begin(ConnectRequest request);
}

/// <summary>One run of an enhanced authentication. Called by one thread at a time.</summary>
public interface IAuthenticationExchange
{
    AuthenticationStep Next(ReadOnlySpan<byte> authenticationData, Func<Pending<AuthenticationStep>> defer);
}
