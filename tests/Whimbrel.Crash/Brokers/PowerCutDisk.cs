using System.Diagnostics;
using System.Globalization;

namespace Whimbrel.Crash.Brokers;

/// <summary>
/// A file system of its own in an image file. The end of a life is a loss of power: the broker is stopped, the image is copied as it is at that
/// instant, and the next life gets the copy. What the broker had written but not synced was in the memory of the mounted file system, and is
/// lost. It does not tell what a drive with a cache of its own would lose. Needs root, and touches no device but its own loop.
/// </summary>
internal sealed class PowerCutDisk : Disk
{
    private const long ImageBytes = 1024L * 1024 * 1024;

    private readonly string _folder = System.IO.Directory.CreateTempSubdirectory("whimbrel-power-").FullName;
    private int _images;

    private PowerCutDisk() => System.IO.Directory.CreateDirectory(Directory);

    public override string Directory => Path.Combine(_folder, "mounted");

    private string Image => Path.Combine(_folder, $"image{_images}");

    public static bool IsPossible => OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess && File.Exists("/dev/loop-control") && File.Exists("/usr/sbin/mkfs.ext4");

    public static async Task<PowerCutDisk> CreateAsync()
    {
        var disk = new PowerCutDisk();
        await using (FileStream image = File.Create(disk.Image))
            image.SetLength(ImageBytes);
        await RunAsync("/usr/sbin/mkfs.ext4", "-q", disk.Image);
        await disk.MountAsync();
        return disk;
    }

    public override async Task EndAsync(BrokerProcess broker)
    {
        if (!broker.HasEnded)
            await StopAsync(broker.Id);
        string last = Image;
        _images++;
        await RunAsync("cp", "--sparse=always", last, Image);
        await broker.KillAsync();
        await RunAsync("umount", Directory);
        File.Delete(last);
        await MountAsync();
    }

    public override async ValueTask DisposeAsync()
    {
        await RunAsync("umount", Directory);
        System.IO.Directory.Delete(_folder, recursive: true);
    }

    // The file system itself must not write back in time what nobody has synced.
    private Task MountAsync() => RunAsync("mount", "-o", "loop,commit=600,noatime", Image, Directory);

    /// <summary>After this the broker does nothing: in particular it acknowledges nothing more.</summary>
    private static async Task StopAsync(int processId)
    {
        string id = processId.ToString(CultureInfo.InvariantCulture);
        await RunAsync("kill", "-STOP", id);
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(1));
        while (!IsStopped($"/proc/{id}/task"))
            await timer.WaitForNextTickAsync();
    }

    /// <summary>Every thread has stopped, or does so when the disk has answered it, before it does anything else.</summary>
    private static bool IsStopped(string tasks)
    {
        try
        {
            return System.IO.Directory.GetDirectories(tasks)
                .Select(task => File.ReadAllText(Path.Combine(task, "stat")))
                .All(stat => stat[stat.LastIndexOf(')') + 2] is 'T' or 'D' or 'Z' or 'X');
        }
        catch (IOException)
        {
            // A thread ended meanwhile, or the process did.
            return !System.IO.Directory.Exists(tasks);
        }
    }

    private static async Task RunAsync(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        string errors = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)}: {errors}");
    }
}
