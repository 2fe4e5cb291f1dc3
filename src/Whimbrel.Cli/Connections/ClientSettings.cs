using Whimbrel.Client;

namespace Whimbrel.Cli.Connections;

/// <summary>What <c>pub</c> and <c>sub</c> have in common once read.</summary>
internal sealed record ClientSettings(MqttClientOptions Options, PropertySets Properties)
{
    /// <summary>The topic in <c>-L</c>.</summary>
    public string? UrlTopic { get; init; }

    public MqttQoS QoS { get; init; }

    public bool IsDebug { get; init; }

    public bool IsQuiet { get; init; }

    public bool MosquittoExitCodes { get; init; }
}

/// <summary>A method and its first data, as they stand on the command line: nothing that could answer a question.</summary>
internal sealed class GivenAuthentication(string method, byte[]? data) : IMqttAuthenticator
{
    public string Method => method;

    public ValueTask<ReadOnlyMemory<byte>?> StartAsync(CancellationToken cancellationToken) =>
        ValueTask.FromResult(data is null ? (ReadOnlyMemory<byte>?)null : data);

    public ValueTask<ReadOnlyMemory<byte>?> ContinueAsync(ReadOnlyMemory<byte> challenge, CancellationToken cancellationToken) =>
        throw new MqttConnectException(
            "the broker asks for a further authentication step, which this tool cannot answer (AUTH, Continue authentication, 0x18)",
            Protocol.ReasonCode.BadAuthenticationMethod);
}
