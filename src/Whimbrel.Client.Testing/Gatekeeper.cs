using Whimbrel.Broker;
using Whimbrel.Hosting;
using Whimbrel.Protocol;

namespace Whimbrel.Client.Testing;

/// <summary>Refuses connections while it is told to, and otherwise leaves them to those whom the test's options name.</summary>
internal sealed class Gatekeeper
{
    private sealed record Denial(ReasonCode Reason);

    private Denial? _denial;

    public Fault Deny(ReasonCode reason)
    {
        var denial = new Denial(reason);
        Volatile.Write(ref _denial, denial);
        return new Fault(_ => Interlocked.CompareExchange(ref _denial, null, denial));
    }

    /// <summary>Stands before every way in.</summary>
    public void Guard(WhimbrelOptions options)
    {
        options.Authenticator = new GuardedAuthenticator(this, options.Authenticator);
        for (int i = 0; i < options.AuthenticationMethods.Count; i++)
            options.AuthenticationMethods[i] = new GuardedMethod(this, options.AuthenticationMethods[i]);
    }

    private AuthenticationStep? Refusal() => Volatile.Read(ref _denial) is { } denial ? AuthenticationStep.Refuse(denial.Reason) : null;

    private sealed class GuardedAuthenticator(Gatekeeper gatekeeper, IAuthenticator? inner) : IAuthenticator
    {
        public AuthenticationStep Authenticate(ConnectRequest request, Func<Pending<AuthenticationStep>> defer) =>
            gatekeeper.Refusal() ?? inner?.Authenticate(request, defer) ?? AuthenticationStep.Success();
    }

    private sealed class GuardedMethod(Gatekeeper gatekeeper, IAuthenticationMethod inner) : IAuthenticationMethod
    {
        public string Name => inner.Name;

        public IAuthenticationExchange Begin(ConnectRequest request) =>
            gatekeeper.Refusal() is { } refusal ? new RefusedExchange(refusal) : inner.Begin(request);
    }

    private sealed class RefusedExchange(AuthenticationStep refusal) : IAuthenticationExchange
    {
        public AuthenticationStep Next(ReadOnlySpan<byte> authenticationData, Func<Pending<AuthenticationStep>> defer) => refusal;
    }
}
