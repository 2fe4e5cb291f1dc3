using Whimbrel.Broker;

namespace Whimbrel.Conformance;

/// <summary>Checks user name and password as the test decides, at once or later.</summary>
internal sealed class AskedAuthenticator(Func<ConnectRequest, AuthenticationStep> decide) : IAuthenticator
{
    public List<ConnectRequest> Asked { get; } = [];

    public List<Pending<AuthenticationStep>> Open { get; } = [];

    public AuthenticationStep Authenticate(ConnectRequest request, Func<Pending<AuthenticationStep>> defer)
    {
        Asked.Add(request);
        AuthenticationStep step = decide(request);
        if (step.Outcome == AuthenticationOutcome.Pending)
            Open.Add(defer());
        return step;
    }

    /// <summary>Answers the oldest open question.</summary>
    public void Answer(TestBroker broker, AuthenticationStep step)
    {
        Assert.NotEmpty(Open);
        Pending<AuthenticationStep> first = Open[0];
        Open.RemoveAt(0);
        broker.Do(_ => first.Answer(step));
    }
}
