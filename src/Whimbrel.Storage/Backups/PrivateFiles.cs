namespace Whimbrel.Storage;

/// <summary>Makes files and directories that only their owner can read: they hold other people's messages.</summary>
internal static class PrivateFiles
{
    public const UnixFileMode FileMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    public static void CreateDirectory(string directory)
    {
        if (OperatingSystem.IsWindows())
            Directory.CreateDirectory(directory);
        else
            Directory.CreateDirectory(directory, FileMode | UnixFileMode.UserExecute);
    }

    /// <summary>Makes a file that does not exist yet.</summary>
    public static FileStream Create(string file)
    {
        var options = new FileStreamOptions { Mode = System.IO.FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = FileMode;
        return new FileStream(file, options);
    }
}
