using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Whimbrel.Tests;

/// <summary>A certificate authority of a test, with its PEM files in a directory of their own.</summary>
internal sealed class Authority : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("whimbrel-ca-");
    private readonly X509Certificate2 _root;

    public Authority()
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=Test authority", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        _root = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        CaFile = Path.Combine(_directory.FullName, "ca.pem");
        File.WriteAllText(CaFile, _root.ExportCertificatePem());
    }

    public string CaFile { get; }

    public (X509Certificate2 Certificate, string CertificateFile, string KeyFile) Issue(string name)
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(name);
        request.CertificateExtensions.Add(names.Build());
        using X509Certificate2 issued = request.Create(_root, DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(1), RandomNumberGenerator.GetBytes(8));
        using X509Certificate2 withKey = issued.CopyWithPrivateKey(key);
        string certificateFile = Path.Combine(_directory.FullName, $"{name}.pem");
        string keyFile = Path.Combine(_directory.FullName, $"{name}.key");
        File.WriteAllText(certificateFile, issued.ExportCertificatePem());
        File.WriteAllText(keyFile, key.ExportPkcs8PrivateKeyPem());
        return (X509CertificateLoader.LoadPkcs12(withKey.Export(X509ContentType.Pkcs12), null), certificateFile, keyFile);
    }

    public void Dispose()
    {
        _root.Dispose();
        _directory.Delete(recursive: true);
    }
}
