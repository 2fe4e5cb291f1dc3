using System.Diagnostics;
using System.Globalization;

namespace Whimbrel.Storage.Tests;

/// <summary>A file system in memory that can be filled. The test is skipped, by name, where none may be mounted.</summary>
internal sealed class SmallDisk : IDisposable
{
    private readonly TempDirectory _directory = new();

    public SmallDisk(int megabytes)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "a small disk is mounted on Linux only");
        if (Run("mount", "-t", "tmpfs", "-o", string.Create(CultureInfo.InvariantCulture, $"size={megabytes}m"), "tmpfs", _directory.Path) == 0)
            return;
        _directory.Dispose();
        Assert.Skip("this user may not mount a small disk");
    }

    private string Filling => Of("filling");

    public string Of(string name) => _directory.Of(name);

    /// <summary>Leaves so much room and no more.</summary>
    public void Fill(long leave)
    {
        using FileStream stream = new(Filling, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
        byte[] block = new byte[4096];
        for (long left = new DriveInfo(_directory.Path).AvailableFreeSpace - leave; left > 0; left -= block.Length)
            stream.Write(block);
    }

    public void MakeRoom() => File.Delete(Filling);

    public void Dispose()
    {
        // Also when a failed test left something open there.
        Run("umount", "--lazy", _directory.Path);
        _directory.Dispose();
    }

    private static int Run(string program, params string[] arguments)
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
            process.StandardError.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return -1;
        }
    }
}
