using System.Runtime.InteropServices;

namespace Whimbrel.Storage;

/// <summary>
/// Finds the build of RocksDB for this system. The package has one for glibc under the ordinary name and one for musl, and nothing tells
/// the loader which of them fits.
/// </summary>
internal static class NativeLibraryName
{
    private const string Ordinary = "rocksdb";
    private const string Musl = "rocksdb-musl";

    /// <summary>The names to try, the likely one first: a runtime that a distribution built for itself does not always say musl.</summary>
    public static string[] Candidates(string runtimeIdentifier)
    {
        bool isMusl = runtimeIdentifier.Contains("musl", StringComparison.Ordinal) || runtimeIdentifier.StartsWith("alpine", StringComparison.Ordinal);
        if (isMusl)
            return [Musl, Ordinary];
        return runtimeIdentifier.StartsWith("win", StringComparison.Ordinal) || runtimeIdentifier.StartsWith("osx", StringComparison.Ordinal) ? [Ordinary] : [Ordinary, Musl];
    }

    /// <summary>As <see cref="DllImportResolver"/>.</summary>
    public static nint Resolve(string name, System.Reflection.Assembly assembly, DllImportSearchPath? path)
    {
        if (name != Ordinary)
            return 0;
        foreach (string candidate in Candidates(RuntimeInformation.RuntimeIdentifier))
        {
            if (NativeLibrary.TryLoad(candidate, assembly, path, out nint library))
                return library;
        }

        // The loader then tries the ordinary name itself, and its error says what was missing.
        return 0;
    }
}
