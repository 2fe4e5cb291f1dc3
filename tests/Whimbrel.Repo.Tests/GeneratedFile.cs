namespace Whimbrel.Repo.Tests;

/// <summary>A file in the repository that is made from others. Stale is a failure; WHIMBREL_WRITE_DOCS=1 renews it.</summary>
internal static class GeneratedFile
{
    public static void AssertCurrent(string file, string content)
    {
        string path = Repository.Path(file);
        if (Environment.GetEnvironmentVariable("WHIMBREL_WRITE_DOCS") == "1")
            File.WriteAllText(path, content);
        Assert.True(File.Exists(path) && File.ReadAllText(path) == content, $"{file} is stale; renew it with WHIMBREL_WRITE_DOCS=1 dotnet test --project tests/Whimbrel.Repo.Tests");
    }
}
