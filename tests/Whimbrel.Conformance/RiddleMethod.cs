using System.Text;
using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.Conformance;

/// <summary>
/// An enhanced authentication of two rounds: "hello" is asked "riddle", "answer" is asked "again", "sure" is let in with "welcome".
/// Anything else is refused. On request every answer is given later.
/// </summary>
internal sealed class RiddleMethod : IAuthenticationMethod
{
    private static readonly (string Says, string Gets)[] Rounds = [("hello", "riddle"), ("answer", "again"), ("sure", "welcome")];

    public string Name => "RIDDLE";

    /// <summary>Whether answers are given later.</summary>
    public bool Defers { get; set; }

    /// <summary>What a refusal says.</summary>
    public ReasonCode Refusal { get; set; } = ReasonCode.NotAuthorized;

    /// <summary>Who solved the riddle.</summary>
    public string? UserName { get; set; }

    /// <summary>Answers that are due, in order.</summary>
    public Queue<(Pending<AuthenticationStep> To, AuthenticationStep Step)> Due { get; } = new();

    public int Begun { get; private set; }

    public IAuthenticationExchange Begin(ConnectRequest request)
    {
        Begun++;
        return new Exchange(this);
    }

    /// <summary>Gives the oldest answer that is due.</summary>
    public void Answer(TestBroker broker)
    {
        (Pending<AuthenticationStep> to, AuthenticationStep step) = Due.Dequeue();
        broker.Do(_ => to.Answer(step));
    }

    private sealed class Exchange(RiddleMethod method) : IAuthenticationExchange
    {
        private int _round;

        public AuthenticationStep Next(ReadOnlySpan<byte> authenticationData, Func<Pending<AuthenticationStep>> defer)
        {
            (string says, string gets) = Rounds[_round++];
            byte[] data = Encoding.UTF8.GetBytes(gets);
            AuthenticationStep step = Encoding.UTF8.GetString(authenticationData) != says ? AuthenticationStep.Refuse(method.Refusal)
                : _round < Rounds.Length ? AuthenticationStep.Continue(data)
                : AuthenticationStep.Success(data) with { UserName = method.UserName };
            if (!method.Defers)
                return step;
            method.Due.Enqueue((defer(), step));
            return AuthenticationStep.Pending;
        }
    }
}
