using System.Text.Json;
using System.Text.Json.Serialization;
using Whimbrel.Broker;

namespace Whimbrel.Storage;

/// <summary>What a backup says about itself: enough to know whether it is whole, and whether this version can read it.</summary>
/// <param name="Backup">The format of the backup itself.</param>
/// <param name="Store">The format of the store in it.</param>
/// <param name="Version">Of the program that made it.</param>
/// <param name="Files">Every file but the manifest, by its path in the backup.</param>
internal sealed record BackupManifest(
    int Backup, int Store, string Version, DateTimeOffset Created, BackupCounts Counts, IReadOnlyList<BackupFile> Files)
{
    public const string FileName = "manifest.json";

    public const int Format = 1;

    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, BackupJson.Default.BackupManifest);

    /// <param name="json">The manifest's bytes.</param>
    /// <param name="backup">Where they are from, for people.</param>
    /// <exception cref="StoreException">It is none, or one of another format.</exception>
    public static BackupManifest Parse(ReadOnlySpan<byte> json, string backup)
    {
        BackupManifest? manifest;
        try
        {
            manifest = JsonSerializer.Deserialize(json, BackupJson.Default.BackupManifest);
        }
        catch (JsonException e)
        {
            throw new StoreException(StoreFailure.Corrupt, $"the manifest of the backup {backup} is damaged: {e.Message}; use another backup", e);
        }

        if (manifest is null)
            throw new StoreException(StoreFailure.Corrupt, $"the manifest of the backup {backup} is empty; use another backup");
        if (manifest.Backup != Format)
            throw OtherVersion(backup, manifest.Backup, Format, manifest.Version);
        if (manifest.Store != StoreMarks.Format)
            throw OtherVersion($"{backup} with a store", manifest.Store, StoreMarks.Format, manifest.Version);
        foreach (BackupFile file in manifest.Files)
            file.Check(backup);
        return manifest;
    }

    private static StoreException OtherVersion(string what, int found, int known, string version) => new(
        StoreFailure.OtherVersion,
        $"the backup {what} of format {found}, made by version {version}, cannot be read: this version reads format {known}");
}

/// <summary>What was in the store.</summary>
internal sealed record BackupCounts(int Sessions, int Queued, int Retained)
{
    public static BackupCounts Of(StoreInspection store) => new(store.Sessions.Count, store.Queued.Count, store.Retained.Count);

    public override string ToString() => $"{Sessions} sessions, {Queued} queued messages, {Retained} retained messages";
}

/// <param name="Path">With slashes.</param>
/// <param name="Sha256">In hexadecimal digits.</param>
internal sealed record BackupFile(string Path, long Length, string Sha256)
{
    /// <summary>A backup comes from elsewhere: its names must not lead out of the directory that it is unpacked to.</summary>
    public void Check(string backup)
    {
        string[] parts = Path.Split('/');
        if (Length < 0 || parts.Any(part => part is "" or "." or ".." || part.AsSpan().ContainsAny('\\', ':', '\0')))
            throw new StoreException(StoreFailure.Corrupt, $"the manifest of the backup {backup} names a file '{Path}' that cannot be; use another backup");
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    WriteIndented = true,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(BackupManifest))]
internal sealed partial class BackupJson : JsonSerializerContext;
