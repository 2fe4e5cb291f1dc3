using System.CommandLine;
using System.Reflection;
using Whimbrel.Cli.Stores;
using Whimbrel.Server;
using Whimbrel.Storage;

namespace Whimbrel.Cli.Commands;

/// <summary><c>whimbrel backup create</c>, <c>verify</c> and <c>restore</c>.</summary>
internal sealed class BackupCommand : Command
{
    private readonly ToolContext _context;

    public BackupCommand(ToolContext context)
        : base("backup", "Back up what a broker keeps on disk, and bring it back.")
    {
        _context = context;
        Add(Create());
        Add(Verify());
        Add(Restore());
    }

    private static Backups Backups => new(DiskStore.OpenReadOnly, Version, TimeProvider.System);

    private static string Version { get; } =
        typeof(BackupCommand).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";

    private Command Create()
    {
        var data = StoreCommand.DataOption();
        var to = ToolOption.Value("--to", "FILE.tar|DIR", "Where to: one file when the name ends in .tar, otherwise a directory. It must not exist.");
        to.Required = true;
        var command = new Command("create", "Back up a data directory. A broker that uses it goes on working.") { data, to };
        command.SetAction(async parsed =>
        {
            using var copy = await StoreCopy.TakeAsync(parsed.GetValue(data) ?? DefaultDataDirectory.Path, _context.Interrupted).ConfigureAwait(false);
            string target = parsed.GetValue(to)!;
            return Say(target, Backups.Create(copy.Path, target, _context.Interrupted));
        });
        return command;
    }

    private Command Verify()
    {
        var backup = BackupArgument();
        var command = new Command("verify", "Check every byte of a backup and read it as a broker would. Needs as much room in the temporary directory.") { backup };
        command.SetAction(parsed =>
        {
            string path = parsed.GetValue(backup)!;
            return Say(path, Backups.Verify(path, _context.Interrupted));
        });
        return command;
    }

    private Command Restore()
    {
        var backup = BackupArgument();
        var data = StoreCommand.DataOption();
        var command = new Command("restore", "Make a data directory of a backup. Run it as the user that the broker runs as.") { backup, data };
        command.SetAction(parsed =>
        {
            string directory = parsed.GetValue(data) ?? DefaultDataDirectory.Path;
            return Say(directory, Backups.Restore(parsed.GetValue(backup)!, directory, _context.Interrupted));
        });
        return command;
    }

    private static Argument<string> BackupArgument() => new("backup")
    {
        HelpName = "FILE.tar|DIR",
        Description = "What 'backup create' made.",
        Arity = ArgumentArity.ExactlyOne,
    };

    private int Say(string path, BackupManifest manifest)
    {
        using var output = _context.Output();
        output.Write($"ok: {path}: {manifest.Counts}, of {manifest.Created.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss'Z'}\n");
        output.Flush();
        return (int)ExitCode.Ok;
    }
}
