namespace Whimbrel.Cli;

/// <summary>What every command returns; with <c>--mosquitto-exit-codes</c> pub and sub return mosquitto's instead.</summary>
internal enum ExitCode
{
    Ok = 0,

    /// <summary>The operation failed.</summary>
    Failed = 1,

    /// <summary>The command line or the configuration is wrong.</summary>
    Usage = 2,

    /// <summary>The broker cannot be reached.</summary>
    Unreachable = 3,

    /// <summary>The broker refused.</summary>
    Refused = 4,

    /// <summary>The time passed, or fewer messages came than were asked for.</summary>
    TimedOut = 5,

    Interrupted = 130,
}

/// <summary>Ends a command: one clear line on standard error, and the exit code.</summary>
internal class CommandFailure(ExitCode code, string message, byte? connectCode = null) : Exception(message)
{
    public ExitCode Code { get; } = code;

    /// <summary>The code of the CONNACK that refused, as mosquitto's tools return it.</summary>
    public byte? ConnectCode { get; } = connectCode;
}
