namespace Whimbrel.Cli.Connections;

/// <summary>Where a broker is.</summary>
/// <param name="Scheme"><c>mqtt</c>, <c>mqtts</c>, <c>ws</c>, <c>wss</c> or <c>unix</c>.</param>
/// <param name="Host">A name or an address; empty for a unix socket.</param>
/// <param name="Port">0 for a unix socket.</param>
/// <param name="Path">Of a WebSocket, or the socket file.</param>
internal sealed record BrokerAddress(string Scheme, string Host, int Port, string Path = "")
{
    private static readonly (string Scheme, int Port)[] Ports = [("mqtt", 1883), ("mqtts", 8883), ("ws", 80), ("wss", 443), ("unix", 0)];

    public static BrokerAddress Localhost { get; } = new("mqtt", "localhost", PortOf("mqtt"));

    public bool IsUnix => Scheme == "unix";

    public bool IsWebSocket => Scheme is "ws" or "wss";

    public bool IsSecure => Scheme is "mqtts" or "wss";

    public static int PortOf(string scheme) => Array.Find(Ports, p => p.Scheme == scheme).Port;

    public CommandFailure Unreachable(string cause) => new(ExitCode.Unreachable, $"{this} cannot be reached: {cause}");

    /// <summary>The address as the client library takes it.</summary>
    public override string ToString() => IsUnix
        ? $"unix://{Path}"
        : $"{Scheme}://{(Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]" : Host)}:{Port}{Path}";
}
