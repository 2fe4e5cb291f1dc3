using Whimbrel.Cli.Commands;
using Whimbrel.Cli.Messages;
using Whimbrel.Client;
using Whimbrel.Protocol;

namespace Whimbrel.Cli.Connections;

/// <summary>
/// A command's client: what happens to its connection is said to people, and how it ends becomes a <see cref="CommandFailure"/>.
/// </summary>
internal sealed class CommandClient : IAsyncDisposable
{
    private readonly ClientSettings _settings;
    private readonly ToolContext _context;
    private readonly TaskCompletionSource _gone = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _ended = new();
    private readonly PacketLog? _packets;
    private bool _isLeaving;

    /// <param name="settings">Who connects, and where.</param>
    /// <param name="context">Where people read.</param>
    /// <param name="reconnects">Whether a lost connection is made again; else it is the end.</param>
    public CommandClient(ClientSettings settings, ToolContext context, bool reconnects)
    {
        _settings = settings;
        _context = context;
        settings.Options.Reconnect.Enabled = reconnects;
        settings.Options.Outbox.BufferQoS0 = reconnects;

        // A session is for who comes back and is owed something; a broker writes each one down.
        if (!reconnects || settings.QoS == MqttQoS.AtMostOnce)
            settings.Options.SessionExpiry ??= TimeSpan.Zero;
        if (settings.IsDebug)
            settings.Options.LoggerFactory = _packets = new PacketLog(line => ClientRun.WriteLine(context.Error, line));
        Client = new MqttClient(settings.Options);
        Client.ConnectionStateChanged += OnStateChanged;
    }

    public MqttClient Client { get; }

    /// <summary>Faulted with the reason when there is no connection and none will be made.</summary>
    public Task Gone => _gone.Task;

    /// <summary>Cancelled when <see cref="Gone"/> is faulted.</summary>
    public CancellationToken Ended => _ended.Token;

    private MqttClientOptions Options => _settings.Options;

    /// <exception cref="CommandFailure">The server cannot be reached or refused.</exception>
    public async Task ConnectAsync(CancellationToken cancel)
    {
        try
        {
            await Client.ConnectAsync(cancel).ConfigureAwait(false);
        }
        catch (MqttException failure)
        {
            throw FailureOf(failure);
        }
    }

    /// <summary>Waits for something of this side, unless the connection is gone before: reading a terminal cannot be cancelled.</summary>
    public async Task<T> OrGoneAsync<T>(Task<T> work, CancellationToken cancel)
    {
        if (await Task.WhenAny(work, Gone).WaitAsync(cancel).ConfigureAwait(false) == Gone)
            await Gone.ConfigureAwait(false);
        return await work.ConfigureAwait(false);
    }

    /// <summary>Says farewell, with what the command line has for that.</summary>
    public async Task LeaveAsync()
    {
        _isLeaving = true;
        var given = _settings.Properties[PropertyScope.Disconnect];
        try
        {
            await Client.DisconnectAsync(new MqttDisconnectOptions
            {
                SessionExpiry = given.Seconds(PropertyId.SessionExpiryInterval) ?? (Options.SessionExpiry is null ? TimeSpan.Zero : null),
                ReasonString = given.Text(PropertyId.ReasonString),
                UserProperties = given.UserProperties,
            }).ConfigureAwait(false);
        }
        catch (MqttException failure)
        {
            _packets?.Write($"the farewell did not arrive: {failure.Message}");
        }
    }

    /// <summary>What a failure means to who called the command.</summary>
    public CommandFailure FailureOf(MqttException failure)
    {
        if (failure is MqttNotConnectedException { InnerException: MqttException cause })
            failure = cause;
        string text = Escaped.Text(failure.Message.TrimEnd('.'));
        return failure switch
        {
            MqttConnectException { ReasonCode: { } reason } refused when Client.Server is null =>
                new CommandFailure(ExitCode.Refused, text + Hint(refused), refused.ReturnCode != 0 ? refused.ReturnCode : (byte)reason),
            MqttConnectException when Client.Server is null => new CommandFailure(ExitCode.Unreachable, text),
            { ReasonCode: { } reason } when ReasonText.IsRefusal(reason) => new CommandFailure(ExitCode.Refused, text + Hint(failure)),
            _ => new CommandFailure(ExitCode.Failed, text),
        };
    }

    /// <summary>A line to people, unless they want none.</summary>
    public void Say(string line)
    {
        if (!_settings.IsQuiet)
            ClientRun.WriteLine(_context.Error, line);
    }

    /// <summary>A line for who wants to see everything.</summary>
    public void Trace(string line) => _packets?.Write(line);

    public async ValueTask DisposeAsync()
    {
        _isLeaving = true;
        await Client.DisposeAsync().ConfigureAwait(false);
        _ended.Dispose();
        _packets?.Dispose();
    }

    private void OnStateChanged(object? sender, MqttConnectionStateChangedEventArgs change)
    {
        switch (change.State)
        {
            case MqttConnectionState.Connected when change.Previous == MqttConnectionState.Reconnecting:
                Say($"connected to {Client.Server!.Endpoint} again{(change.SessionLost ? "; it had forgotten the session, so messages may be missing" : "")}");
                break;
            case MqttConnectionState.Reconnecting:
                Say($"{Escaped.Text(change.Reason?.Message.TrimEnd('.') ?? "the connection is lost")}; connecting again");
                break;
            case MqttConnectionState.Disconnected or MqttConnectionState.Faulted when !_isLeaving && change.Reason is MqttException reason:
                _gone.TrySetException(FailureOf(reason));

                // Looked at or not, it does not end the process.
                _ = _gone.Task.Exception;
                _ended.Cancel();
                break;
        }
    }

    private string Hint(MqttException failure) => failure.ReasonCode switch
    {
        ReasonCode.BadUserNameOrPassword or ReasonCode.NotAuthorized when Client.Server is null && Options.Credentials?.UserName is null =>
            "; no user name was given: use -u NAME and --password-file FILE",
        ReasonCode.NotAuthorized when Client.Server is null => "; the user may not connect, or the name or password is wrong",
        ReasonCode.UnsupportedProtocolVersion => "; try another -V",
        ReasonCode.QoSNotSupported when Client.Server is { } server => $": use -q {(int)server.MaximumQoS}",
        ReasonCode.UseAnotherServer or ReasonCode.ServerMoved when failure is MqttConnectException { ServerReference: { } reference } =>
            $"; it names {Escaped.Text(reference)}",
        _ => "",
    };
}
