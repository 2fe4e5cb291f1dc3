using System.Text;
using Whimbrel.Broker;

namespace Whimbrel.Conformance;

/// <summary>Answers as the test decides; what it answers later is kept for the test to answer.</summary>
internal sealed class AskedAuthorizer(Func<AccessAction, string, Verdict> decide) : IAuthorizer
{
    /// <summary>What was asked, in order: action and topic.</summary>
    public List<(AccessAction Action, string Topic)> Asked { get; } = [];

    /// <summary>On whose behalf, in the same order.</summary>
    public List<string?> UserNames { get; } = [];

    public List<Pending<Verdict>> Open { get; } = [];

    public Func<AccessAction, string, Verdict> Decide { get; set; } = decide;

    /// <summary>Everything of one kind is answered later, everything else allowed at once.</summary>
    public static AskedAuthorizer Deferring(AccessAction action) => new((asked, _) => asked == action ? Verdict.Pending : Verdict.Allowed);

    public static AskedAuthorizer Denying(AccessAction action) => new((asked, _) => asked == action ? Verdict.Denied : Verdict.Allowed);

    public Verdict Authorize(ref AccessRequest request)
    {
        string topic = Encoding.UTF8.GetString(request.Topic);
        Asked.Add((request.Action, topic));
        UserNames.Add(request.UserName);
        Verdict verdict = Decide(request.Action, topic);
        if (verdict == Verdict.Pending)
            Open.Add(request.Defer());
        return verdict;
    }

    /// <summary>Answers the oldest open question.</summary>
    public void Answer(TestBroker broker, Verdict verdict)
    {
        Assert.NotEmpty(Open);
        Pending<Verdict> first = Open[0];
        Open.RemoveAt(0);
        broker.Do(_ => first.Answer(verdict));
    }
}
