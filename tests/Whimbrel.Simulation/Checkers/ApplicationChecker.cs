using Whimbrel.Protocol;

namespace Whimbrel.Simulation;

/// <summary>
/// What one client's application was given, by the client alone: it knows nothing of the model. Here a QoS 2 message that comes twice
/// comes twice, whatever the reason.
/// </summary>
internal sealed class ApplicationChecker(string client)
{
    private readonly HashSet<string> _exactlyOnce = [];

    public HashSet<string> Names { get; } = [];

    /// <summary>
    /// A session ended that no disk knows. A QoS 2 message that it was given while the broker died before it was stored comes again to the
    /// next session: its publisher was not told that it was taken.
    /// </summary>
    public void SessionEnded() => _exactlyOnce.Clear();

    /// <summary>The application takes a message.</summary>
    /// <param name="mayRepeat">Whether it may be a retained message that a new subscription brings once more.</param>
    public void Deliver(string name, QoS qos, bool mayRepeat)
    {
        Names.Add(name);
        if (qos == QoS.ExactlyOnce && !mayRepeat && !_exactlyOnce.Add(name))
            throw new ViolationException("exactly once", $"{client} was given {name} twice");
    }
}
