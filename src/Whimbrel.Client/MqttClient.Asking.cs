using Whimbrel.Client.Engine;
using Whimbrel.Protocol;

namespace Whimbrel.Client;

/// <summary>Questions to the server, and its own.</summary>
public sealed partial class MqttClient
{
    private TaskCompletionSource? _pong;
    private TaskCompletionSource? _reauthentication;

    public async Task<TimeSpan> PingAsync(CancellationToken cancellationToken = default)
    {
        await ConnectedAsync(cancellationToken).ConfigureAwait(false);
        long started = Time.GetTimestamp();
        Task answer;
        lock (_gate)
        {
            if (!_engine.IsConnected)
                throw new MqttNotConnectedException("The connection is lost.");
            _pong ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            answer = _pong.Task;
            _engine.Ping(Now());
            AfterEngine();
        }

        await answer.WaitAsync(cancellationToken).ConfigureAwait(false);
        return Time.GetElapsedTime(started);
    }

    /// <summary>
    /// Authenticates anew on the standing connection by <see cref="MqttClientOptions.Authenticator"/>, before a token expires.
    /// </summary>
    public async Task ReauthenticateAsync(CancellationToken cancellationToken = default)
    {
        IMqttAuthenticator authenticator = _options.Authenticator ?? throw new InvalidOperationException("There is no authenticator.");
        await ConnectedAsync(cancellationToken).ConfigureAwait(false);
        ReadOnlyMemory<byte>? data = await authenticator.StartAsync(cancellationToken).ConfigureAwait(false);
        Task done;
        lock (_gate)
        {
            if (!_engine.IsConnected || _engine.Version != ProtocolVersion.Mqtt50)
                throw new MqttNotConnectedException("There is no MQTT 5.0 connection.");
            _reauthentication ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            done = _reauthentication.Task;
            _engine.Authenticate(ReasonCode.ReAuthenticate, data.GetValueOrDefault().Span);
            AfterEngine();
        }

        await done.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    void IEngineHost.AuthenticationAsked(ReasonCode reason, byte[] data)
    {
        if (reason == ReasonCode.Success)
        {
            _reauthentication?.TrySetResult();
            _reauthentication = null;
            return;
        }

        int epoch = _engine.Epoch;
        _ = Task.Run(() => AnswerAsync(data, epoch));
    }

    private async Task AnswerAsync(byte[] challenge, int epoch)
    {
        try
        {
            ReadOnlyMemory<byte>? answer = _options.Authenticator is { } authenticator
                ? await authenticator.ContinueAsync(challenge, Ending).ConfigureAwait(false)
                : throw new MqttConnectException("The server asks for authentication and there is no authenticator.", ReasonCode.BadAuthenticationMethod);
            lock (_gate)
            {
                if (_engine.Epoch != epoch || _link is null)
                    return;
                _engine.Authenticate(ReasonCode.ContinueAuthentication, answer.GetValueOrDefault().Span);
                AfterEngine();
            }
        }
#pragma warning disable CA1031 // An authenticator's failure is the attempt's.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            lock (_gate)
            {
                _handshake?.TrySetException(exception);
                _reauthentication?.TrySetException(exception);
                _reauthentication = null;
            }
        }
    }

    /// <summary>Waits for a connection, and begins one if nobody has.</summary>
    private async ValueTask ConnectedAsync(CancellationToken cancellationToken)
    {
        Task connected;
        lock (_gate)
        {
            Begin();
            if (_engine.IsConnected)
                return;
            connected = _connected.Task;
        }

        await connected.WaitAsync(cancellationToken).ConfigureAwait(false);
    }
}
