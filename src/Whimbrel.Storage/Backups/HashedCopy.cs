using System.Security.Cryptography;

namespace Whimbrel.Storage;

/// <summary>Copies a file's bytes and says what they were.</summary>
internal static class HashedCopy
{
    private const int BufferBytes = 256 * 1024;

    /// <summary>Copies everything that is left of a stream.</summary>
    public static BackupFile Copy(string path, Stream from, Stream to, CancellationToken cancel)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = new byte[BufferBytes];
        long length = 0;
        while (from.Read(buffer) is var read and > 0)
        {
            cancel.ThrowIfCancellationRequested();
            hash.AppendData(buffer, 0, read);
            to.Write(buffer, 0, read);
            length += read;
        }

        return new BackupFile(path, length, Convert.ToHexStringLower(hash.GetHashAndReset()));
    }

    /// <summary>Copies into a new file, which is on disk when this returns.</summary>
    public static BackupFile CopyToFile(string path, Stream from, string file, CancellationToken cancel)
    {
        PrivateFiles.CreateDirectory(Path.GetDirectoryName(file)!);
        using FileStream to = PrivateFiles.Create(file);
        BackupFile copied = Copy(path, from, to, cancel);
        to.Flush(flushToDisk: true);
        return copied;
    }
}
