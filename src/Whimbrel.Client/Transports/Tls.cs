using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Whimbrel.Client.Transports;

/// <summary>Turns the TLS options into the framework's, with files read now.</summary>
internal static class Tls
{
    public static async ValueTask<SslClientAuthenticationOptions> OptionsAsync(MqttTlsOptions options, string host, CancellationToken cancellationToken)
    {
        X509Certificate2Collection? authorities = null;
        if (options.CaFile is { } caFile)
        {
            authorities = [];
            authorities.ImportFromPemFile(caFile);
            if (authorities.Count == 0)
                throw new AuthenticationException($"{caFile} has no certificate in it.");
        }

        string[] pins = [.. options.Pins];
        bool acceptsAny = options.DangerousAcceptAnyServerCertificate;
        var ssl = new SslClientAuthenticationOptions
        {
            TargetHost = options.TargetHost ?? host,
            RemoteCertificateValidationCallback = (_, certificate, chain, errors) => acceptsAny || IsTrusted(certificate, chain, errors, authorities, pins),
        };
        if (options.ApplicationProtocols.Count > 0)
            ssl.ApplicationProtocols = [.. options.ApplicationProtocols.Select(name => new SslApplicationProtocol(name))];
        X509Certificate2? own = options.ClientCertificateProvider is { } provider
            ? await provider(cancellationToken).ConfigureAwait(false)
            : Load(options);
        if (own is not null)
            ssl.ClientCertificateContext = SslStreamCertificateContext.Create(own, Intermediates(options));
        options.ConfigureSsl?.Invoke(ssl);
        return ssl;
    }

    private static X509Certificate2? Load(MqttTlsOptions options)
    {
        if (options.CertificateFile is not { } file)
            return null;
        using X509Certificate2 read = options.KeyPassword is { } password
            ? X509Certificate2.CreateFromEncryptedPemFile(file, password, options.KeyFile)
            : X509Certificate2.CreateFromPemFile(file, options.KeyFile);

        // Windows wants the key in a store of its own.
        return OperatingSystem.IsWindows()
            ? X509CertificateLoader.LoadPkcs12(read.Export(X509ContentType.Pkcs12), null)
            : X509CertificateLoader.LoadPkcs12(read.Export(X509ContentType.Pkcs12), null, X509KeyStorageFlags.EphemeralKeySet);
    }

    private static X509Certificate2Collection? Intermediates(MqttTlsOptions options)
    {
        if (options.CertificateFile is not { } file || options.ClientCertificateProvider is not null)
            return null;
        var all = new X509Certificate2Collection();
        all.ImportFromPemFile(file);
        if (all.Count > 0)
            all.RemoveAt(0);
        return all;
    }

    private static bool IsTrusted(
        X509Certificate? certificate, X509Chain? given, SslPolicyErrors errors, X509Certificate2Collection? authorities, string[] pins)
    {
        if (certificate is not X509Certificate2 server)
            return Refuse("the server showed no certificate");
        X509Chain? chain = given;
        if (authorities is not null)
        {
            chain = new X509Chain();
            chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
            chain.ChainPolicy.CustomTrustStore.AddRange(authorities);
            chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
            if (given is not null)
                chain.ChainPolicy.ExtraStore.AddRange(given.ChainPolicy.ExtraStore);
            if (!chain.Build(server))
                return Refuse($"the server's certificate does not lead to an authority in the CA file: {Problems(chain)}");
            errors &= ~SslPolicyErrors.RemoteCertificateChainErrors;
        }

        if ((errors & SslPolicyErrors.RemoteCertificateNameMismatch) != 0)
            return Refuse($"the server's certificate is for another name ({server.Subject})");
        if (errors != SslPolicyErrors.None)
            return Refuse($"the server's certificate is not trusted: {(chain is null ? errors.ToString() : Problems(chain))}");
        if (pins.Length > 0 && !(chain?.ChainElements.Any(element => pins.Contains(Pin(element.Certificate))) ?? false))
            return Refuse("no key in the server's chain is one of the pins");
        return true;
    }

    /// <summary>The hash of a certificate's public key, as pins are written.</summary>
    private static string Pin(X509Certificate2 certificate) => Convert.ToBase64String(SHA256.HashData(certificate.PublicKey.ExportSubjectPublicKeyInfo()));

    private static string Problems(X509Chain chain) =>
        string.Join("; ", chain.ChainStatus.Select(status => $"{status.Status}: {status.StatusInformation.Trim()}").Distinct());

    private static bool Refuse(string why) => throw new AuthenticationException($"TLS: {why}.");
}
