namespace Whimbrel.Storage;

/// <summary>Clears away what an operation made that did not come to its end.</summary>
internal static class Leftovers
{
    /// <summary>Removes a file or a directory with everything in it, as far as it can.</summary>
    public static void Remove(string path)
    {
        try
        {
            if (Directory.Exists(path))
                Directory.Delete(path, recursive: true);
            else
                File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Its name says what it is; there is a better error to report.
        }
    }
}
