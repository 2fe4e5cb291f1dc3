using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Whimbrel.Client;

/// <summary>How TLS connections are made. Files are read anew at every attempt, so a renewed certificate needs no restart.</summary>
public sealed class MqttTlsOptions
{
    /// <summary>PEM file with the authorities that are trusted in place of the machine's.</summary>
    public string? CaFile { get; set; }

    /// <summary>PEM file with this client's certificate and what leads to its authority.</summary>
    public string? CertificateFile { get; set; }

    /// <summary>PEM file with the certificate's key; null if it stands in <see cref="CertificateFile"/>.</summary>
    public string? KeyFile { get; set; }

    public string? KeyPassword { get; set; }

    /// <summary>Asked before every attempt; goes before <see cref="CertificateFile"/>.</summary>
    public Func<CancellationToken, ValueTask<X509Certificate2?>>? ClientCertificateProvider { get; set; }

    /// <summary>The name that the server's certificate must bear, if it is not the host's.</summary>
    public string? TargetHost { get; set; }

    /// <summary>
    /// SHA-256 hashes, in base64, of the public keys (SubjectPublicKeyInfo) that are accepted. One in the server's chain must match,
    /// beside the usual examination.
    /// </summary>
    public IList<string> Pins { get; private set; } = [];

    /// <summary>Application protocols for ALPN.</summary>
    public IList<string> ApplicationProtocols { get; private set; } = [];

    /// <summary>The last word on what the options above have made.</summary>
    public Action<SslClientAuthenticationOptions>? ConfigureSsl { get; set; }

    /// <summary>Accepts every certificate from everybody: encrypted to whoever listens. For experiments only.</summary>
    public bool DangerousAcceptAnyServerCertificate { get; set; }

    internal MqttTlsOptions Snapshot()
    {
        var copy = (MqttTlsOptions)MemberwiseClone();
        copy.Pins = [.. Pins];
        copy.ApplicationProtocols = [.. ApplicationProtocols];
        return copy;
    }
}
