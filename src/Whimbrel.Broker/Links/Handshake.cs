using System.Text;
using Whimbrel.Protocol;

namespace Whimbrel.Broker;

/// <summary>
/// From an acceptable CONNECT to CONNACK: authentication, then the permission to be connected, then the permission for the will's
/// topic. Each step may take its time. Afterwards it serves re-authentication. The reading thread's own.
/// </summary>
internal sealed class Handshake(Connection connection, MessageBroker broker, ConnectRequest request)
{
    private enum Step : byte
    {
        Authenticate,
        Connect,
        Will,
        Established,
    }

    private IAuthenticationExchange? _exchange;
    private Pending<AuthenticationStep>? _authentication;
    private Pending<Verdict>? _permission;
    private ReadOnlyMemory<byte> _finalData;
    private Step _step;

    public string ClientId => request.ClientId;

    /// <summary>Whether an answer of a port is outstanding.</summary>
    public bool IsWaiting => _authentication is not null || _permission is not null;

    public void Begin(ReadOnlySpan<byte> authenticationData, Turn turn)
    {
        if (request.AuthenticationMethod is not { } name)
        {
            Continue(broker.Ports.Authenticator.Authenticate(request, Defer), turn);
        }
        else if (Find(name) is { } method)
        {
            _exchange = method.Begin(request);
            Continue(_exchange.Next(authenticationData, Defer), turn);
        }
        else
        {
            connection.Refuse(ReasonCode.BadAuthenticationMethod, "an authentication method that the broker does not know", turn);
        }
    }

    public void OnAuth(in AuthPacket packet, Turn turn)
    {
        // [MQTT-4.12.0-5], [MQTT-4.12.1-1]
        bool sameMethod = request.AuthenticationMethod is { } method && packet.AuthenticationMethod.SequenceEqual(Encoding.UTF8.GetBytes(method));
        if (!sameMethod)
        {
            Violate("AUTH with another authentication method than CONNECT", turn);
        }
        else if (IsWaiting)
        {
            Violate("AUTH before the answer to the one before", turn);
        }
        else if (packet.Reason == ReasonCode.ReAuthenticate && _step == Step.Established && _exchange is null)
        {
            _exchange = Find(request.AuthenticationMethod!)!.Begin(request);
            Continue(_exchange.Next(packet.AuthenticationData, Defer), turn);
        }
        else if (packet.Reason == ReasonCode.ContinueAuthentication && _exchange is not null)
        {
            Continue(_exchange.Next(packet.AuthenticationData, Defer), turn);
        }
        else
        {
            Violate("AUTH where no exchange expects it", turn);
        }
    }

    public void Woken(Turn turn)
    {
        if (_authentication is { } authentication && authentication.TryGet(out AuthenticationStep step))
        {
            _authentication = null;
            Continue(step, turn);
        }
        else if (_permission is { } permission && permission.TryGet(out Verdict verdict))
        {
            _permission = null;
            Permitted(verdict, turn);
        }
    }

    private IAuthenticationMethod? Find(string name)
    {
        foreach (IAuthenticationMethod method in broker.Ports.AuthenticationMethods)
        {
            if (string.Equals(method.Name, name, StringComparison.Ordinal))
                return method;
        }

        return null;
    }

    private Pending<AuthenticationStep> Defer() => _authentication = new Pending<AuthenticationStep>(connection.Link);

    private void Continue(in AuthenticationStep step, Turn turn)
    {
        switch (step.Outcome)
        {
            case AuthenticationOutcome.Pending:
                return;
            case AuthenticationOutcome.Continue:
                _authentication = null;
                SendAuth(ReasonCode.ContinueAuthentication, step.AuthenticationData, turn);
                return;
            case AuthenticationOutcome.Refused when _step == Step.Established:
                connection.Fail(new CloseCause(CloseReason.ProtocolViolation, Sayable(PacketType.Disconnect, step.Reason), "the re-authentication failed"), turn);
                return;
            case AuthenticationOutcome.Refused:
                connection.Refuse(Sayable(PacketType.ConnAck, step.Reason), "authentication refused", turn);
                return;
            default:
                _authentication = null;
                _exchange = null;
                _finalData = step.AuthenticationData;
                break;
        }

        string? userName = step.UserName ?? (request.AuthenticationMethod is null ? request.UserName : null);
        if (_step == Step.Established)
        {
            // What the session holds was permitted to who began it.
            if (!string.Equals(userName, request.AuthenticatedUserName, StringComparison.Ordinal))
            {
                connection.Fail(new CloseCause(CloseReason.ProtocolViolation, ReasonCode.NotAuthorized, "the re-authentication is another user's"), turn);
                return;
            }

            SendAuth(ReasonCode.Success, _finalData, turn);
            return;
        }

        request.AuthenticatedUserName = userName;
        _step = Step.Connect;
        Ask(new AccessRequest(connection.Link, AccessAction.Connect, request.ClientId, request.AuthenticatedUserName), turn);
    }

    /// <summary>The port's reason where the packet has it [MQTT-3.2.2-8, MQTT-3.14.2-1], else 0x87.</summary>
    private static ReasonCode Sayable(PacketType type, ReasonCode reason) =>
        ReasonCodes.IsError(reason) && ReasonCodes.IsAllowed(type, reason) ? reason : ReasonCode.NotAuthorized;

    private void Ask(AccessRequest access, Turn turn)
    {
        Verdict verdict = broker.Ports.Authorizer.Authorize(ref access);
        if (verdict == Verdict.Pending)
            _permission = access.Deferred;
        else
            Permitted(verdict, turn);
    }

    private void Permitted(Verdict verdict, Turn turn)
    {
        if (verdict != Verdict.Allowed)
        {
            connection.Refuse(ReasonCode.NotAuthorized, _step == Step.Will ? "not allowed to publish the will" : "not allowed to connect", turn);
            return;
        }

        if (_step == Step.Connect && request.Will is { } will)
        {
            _step = Step.Will;
            Ask(new AccessRequest(connection.Link, AccessAction.Publish, request.ClientId, request.AuthenticatedUserName) { Topic = will.Topic, QoS = will.QoS, Retain = will.Retain }, turn);
            return;
        }

        _step = Step.Established;
        connection.Establish(request, _finalData, turn);
    }

    private void SendAuth(ReasonCode reason, ReadOnlyMemory<byte> data, Turn turn) => connection.SendAuth(
        new AuthPacket
        {
            Reason = reason,
            AuthenticationMethod = Encoding.UTF8.GetBytes(request.AuthenticationMethod!),
            AuthenticationData = data.Span,
        },
        turn);

    private void Violate(string detail, Turn turn) => connection.Fail(CloseCause.Of(new Violation(ReasonCode.ProtocolError, detail)), turn);
}
