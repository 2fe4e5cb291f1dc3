using System.Runtime.CompilerServices;

namespace Whimbrel.Repo.Tests;

/// <summary>The checkout that these tests stand in.</summary>
internal static class Repository
{
    public static string Root { get; } = FindRoot();

    public static string Path(params ReadOnlySpan<string> parts) => System.IO.Path.Combine([Root, .. parts]);

    /// <summary>Files below a folder, without what builds made, as paths relative to the root with forward slashes.</summary>
    public static IEnumerable<string> Files(string folder, string pattern) =>
        Directory.EnumerateFiles(Path(folder), pattern, SearchOption.AllDirectories)
            .Select(file => System.IO.Path.GetRelativePath(Root, file).Replace('\\', '/'))
            .Where(file => !file.Contains("/obj/") && !file.Contains("/bin/") && !file.Contains("/node_modules/"))
            .Order(StringComparer.Ordinal);

    public static string Read(string file) => File.ReadAllText(Path(file));

    private static string FindRoot([CallerFilePath] string thisFile = "")
    {
        // A deterministic build may map paths, so the running assembly's folder is the second guess.
        foreach (string start in new[] { System.IO.Path.GetDirectoryName(thisFile)!, AppContext.BaseDirectory })
        {
            for (DirectoryInfo? folder = new(start); folder is not null; folder = folder.Parent)
            {
                if (File.Exists(System.IO.Path.Combine(folder.FullName, "Whimbrel.slnx")))
                    return folder.FullName;
            }
        }

        throw new InvalidOperationException("Whimbrel.slnx was not found above the tests.");
    }
}
