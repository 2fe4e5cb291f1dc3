using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

namespace Whimbrel.Simulation;

/// <summary>Shows that the checkers can fail: every bug of the table is found, and here is after how many worlds.</summary>
public class MutationTests
{
    private const int SecondsMax = 120;

    private static readonly string Root = FindRoot();

    [Fact]
    public void Every_mutation_has_one_place_in_the_source() => Assert.All(
        MutationTable.All,
        mutation => Assert.True(Count(File.ReadAllText(Path.Combine(Root, mutation.File)), mutation.Text) == 1, $"'{mutation.Name}': its text does not stand in {mutation.File} once"));

    /// <summary>
    /// Writes each bug into a copy of the repository, builds it and runs worlds until one breaks a rule. Takes a quarter of an hour;
    /// with WHIMBREL_WRITE_DOCS=1 the result goes into docs/simulation.md.
    /// </summary>
    [Fact(Explicit = true)]
    public void Every_mutation_is_found()
    {
        string copy = Directory.CreateTempSubdirectory("whimbrel-mutations-").FullName;
        try
        {
            CopySources(copy);
            var table = new StringBuilder("| bug | found | worlds | seconds | broken rule |\n|---|---|---|---|---|\n");
            string? only = Environment.GetEnvironmentVariable("WHIMBREL_SIM_MUTATION");
            var missed = new List<string>();
            foreach (Mutation mutation in MutationTable.All.Where(mutation => only is null || mutation.Name.Contains(only, StringComparison.Ordinal)))
            {
                (string worlds, string seconds, string rule) = Find(copy, mutation);
                table.Append(CultureInfo.InvariantCulture, $"| {mutation.Name} | {(rule.Length > 0 ? "yes" : "**no**")} | {worlds} | {seconds} | {rule} |\n");
                if (rule.Length == 0)
                    missed.Add(mutation.Name);
            }

            TestContext.Current.TestOutputHelper?.WriteLine(table.ToString());
            if (Environment.GetEnvironmentVariable("WHIMBREL_WRITE_DOCS") == "1")
                Write(table.ToString());
            Assert.Empty(missed);
        }
        finally
        {
            Directory.Delete(copy, recursive: true);
        }
    }

    private static (string Worlds, string Seconds, string Rule) Find(string copy, Mutation mutation)
    {
        string file = Path.Combine(copy, mutation.File);
        string result = Path.Combine(copy, "result.txt");
        string original = File.ReadAllText(file);
        File.WriteAllText(file, original.Replace(mutation.Text, mutation.Replacement, StringComparison.Ordinal));
        try
        {
            string project = Path.Combine(copy, "tests/Whimbrel.Simulation");
            (int code, string output) = Start(copy, "dotnet", $"build {project} -c Release -v q -nologo -p:TreatWarningsAsErrors=false -p:RunAnalyzers=false");
            Assert.True(code == 0, $"'{mutation.Name}' does not build: {output}");
            File.Delete(result);
            Start(copy, "dotnet", $"{project}/bin/Release/net10.0/Whimbrel.Simulation.dll --filter-method *New_worlds*", ("WHIMBREL_SIM_FIRST", "1"), ("WHIMBREL_SIM_SECONDS", $"{SecondsMax}"), ("WHIMBREL_SIM_RESULT", result));
            string[] lines = File.ReadAllLines(result);
            return (lines[0], lines[1], lines[2]);
        }
        finally
        {
            File.WriteAllText(file, original);
        }
    }

    private static (int Code, string Output) Start(string folder, string program, string arguments, params ReadOnlySpan<(string Name, string Value)> environment)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string name in start.Environment.Keys.Where(name => name.StartsWith("WHIMBREL_", StringComparison.Ordinal)).ToArray())
            start.Environment.Remove(name);
        foreach ((string name, string value) in environment)
            start.Environment[name] = value;
        using Process process = Process.Start(start)!;
        var errors = new StringBuilder();
        process.ErrorDataReceived += (_, line) => errors.AppendLine(line.Data);
        process.BeginErrorReadLine();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + errors);
    }

    /// <summary>What a build needs, without what builds made.</summary>
    private static void CopySources(string copy)
    {
        string[] kept = ["src", "tests/shared", "tests/Whimbrel.Simulation"];
        IEnumerable<string> files = Directory.EnumerateFiles(Root)
            .Concat([Path.Combine(Root, "tests/Directory.Build.props")])
            .Concat(kept.SelectMany(folder => Directory.EnumerateFiles(Path.Combine(Root, folder), "*", SearchOption.AllDirectories)));
        foreach (string file in files)
        {
            string relative = Path.GetRelativePath(Root, file).Replace('\\', '/');
            if (relative.Contains("/obj/", StringComparison.Ordinal) || relative.Contains("/bin/", StringComparison.Ordinal))
                continue;
            string target = Path.Combine(copy, relative);
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
    }

    /// <summary>The table stands between two marks.</summary>
    private static void Write(string table)
    {
        const string Begin = "<!-- mutations -->\n";
        const string End = "<!-- /mutations -->";
        string file = Path.Combine(Root, "docs/simulation.md");
        string text = File.ReadAllText(file);
        int begin = text.IndexOf(Begin, StringComparison.Ordinal) + Begin.Length;
        File.WriteAllText(file, string.Concat(text.AsSpan(0, begin), table, text.AsSpan(text.IndexOf(End, StringComparison.Ordinal))));
    }

    private static int Count(string text, string part)
    {
        int count = 0;
        for (int at = text.IndexOf(part, StringComparison.Ordinal); at >= 0; at = text.IndexOf(part, at + part.Length, StringComparison.Ordinal))
            count++;
        return count;
    }

    private static string FindRoot([CallerFilePath] string thisFile = "")
    {
        // A deterministic build may map paths, so the running assembly's folder is the second guess.
        foreach (string start in new[] { Path.GetDirectoryName(thisFile)!, AppContext.BaseDirectory })
        {
            for (DirectoryInfo? folder = new(start); folder is not null; folder = folder.Parent)
            {
                if (File.Exists(Path.Combine(folder.FullName, "Whimbrel.slnx")))
                    return folder.FullName;
            }
        }

        throw new InvalidOperationException("Whimbrel.slnx was not found above the tests.");
    }
}
