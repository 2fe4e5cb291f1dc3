namespace Whimbrel.Client;

/// <summary>Enhanced authentication (MQTT 5.0, section 4.12). Called for every connection anew; never on the thread that reads.</summary>
public interface IMqttAuthenticator
{
    /// <summary>The method's name, as both sides know it.</summary>
    string Method { get; }

    /// <summary>The data that CONNECT, or the AUTH that begins a re-authentication, carries.</summary>
    ValueTask<ReadOnlyMemory<byte>?> StartAsync(CancellationToken cancellationToken);

    /// <summary>Answers what the server asked.</summary>
    ValueTask<ReadOnlyMemory<byte>?> ContinueAsync(ReadOnlyMemory<byte> challenge, CancellationToken cancellationToken);
}
