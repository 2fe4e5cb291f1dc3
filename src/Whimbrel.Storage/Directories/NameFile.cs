using System.Globalization;
using System.Text;
using Whimbrel.Broker;

namespace Whimbrel.Storage;

/// <summary>
/// The file that makes a directory a data directory: its first line says so and in which format, the second which version made it. A
/// draft of it stands there from the first moment of the making, and gets its name as the last step; so an interrupted making can be
/// told from a directory that lost something.
/// </summary>
internal static class NameFile
{
    public const string FileName = "WHIMBREL";
    public const string DraftName = FileName + ".new";

    private const string Prefix = "Whimbrel data directory, format ";

    /// <summary>Says that the making of a data directory begins.</summary>
    public static void Draft(string directory)
    {
        using (FileStream stream = new(Path.Combine(directory, DraftName), FileMode.Create, FileAccess.Write))
        {
            stream.Write(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{Prefix}{DataDirectory.Format}\nmade by Whimbrel {Version}\n")));
            stream.Flush(flushToDisk: true);
        }

        DirectorySync.Sync(directory);
    }

    /// <summary>Says that it is done. On the disk when this returns: from now on a missing file is damage.</summary>
    public static void Finish(string directory)
    {
        if (!File.Exists(Path.Combine(directory, DraftName)))
            Draft(directory);
        File.Move(Path.Combine(directory, DraftName), Path.Combine(directory, FileName), overwrite: true);
        DirectorySync.Sync(directory);
    }

    /// <exception cref="StoreException">It says something else, or names a format that this version does not know.</exception>
    public static void Check(string directory)
    {
        string file = Path.Combine(directory, FileName);
        string line = File.ReadLines(file).FirstOrDefault() ?? "";
        if (!line.StartsWith(Prefix, StringComparison.Ordinal) || !int.TryParse(line.AsSpan(Prefix.Length).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out int format))
            throw EngineError.Damaged(file, $"it does not begin with '{Prefix}{DataDirectory.Format}'");
        if (format != DataDirectory.Format)
            throw new StoreException(StoreFailure.OtherVersion, $"the data directory {directory} has format {format}, and this version of Whimbrel reads and writes format {DataDirectory.Format}: use {Remedy(format)}");
    }

    private static string Remedy(int format) => format > DataDirectory.Format ? "the version that wrote it, or a newer one" : "the version that wrote it";

    private static string Version => typeof(NameFile).Assembly.GetName().Version?.ToString(3) ?? "";
}
