using Microsoft.Extensions.Logging;

namespace Whimbrel.Server;

/// <summary>What the control socket has to say.</summary>
internal static partial class ControlLog
{
    [LoggerMessage(1, LogLevel.Warning, "not listening on {Path}: {Cause}; 'whimbrel backup create' works only while the broker is stopped")]
    public static partial void Unavailable(ILogger logger, string path, string cause);

    [LoggerMessage(2, LogLevel.Debug, "a request on {Path} failed")]
    public static partial void Failed(ILogger logger, Exception exception, string path);

    [LoggerMessage(3, LogLevel.Warning, "a checkpoint was asked for and could not be made: {Cause}")]
    public static partial void CheckpointFailed(ILogger logger, string cause);
}
