using System.Text.RegularExpressions;

namespace Whimbrel.Repo.Tests;

public partial class TidyTests
{
    private static readonly string[] RefusedNames = ["Manager", "Helper", "Helpers", "Util", "Utils", "Processor", "Container", "Wrapper", "Info", "Data", "Base", "Impl"];

    [Fact]
    public void No_source_file_is_longer_than_600_lines() =>
        Assert.All(Sources(), file => Assert.True(File.ReadLines(Repository.Path(file)).Count() <= 600, $"{file} is longer than 600 lines"));

    [Fact]
    public void No_type_bears_a_name_that_says_nothing() => Assert.All(
        Repository.Files("src", "*.cs"),
        file => Assert.All(
            TypeDeclaration().Matches(Repository.Read(file)).Select(match => match.Groups[1].Value),
            name => Assert.DoesNotContain(RefusedNames, refused => name.EndsWith(refused, StringComparison.Ordinal))));

    [Fact]
    public void Only_the_client_s_public_types_begin_with_Mqtt() => Assert.All(
        Repository.Files("src", "*.cs").Where(file => !file.StartsWith("src/Whimbrel.Client/", StringComparison.Ordinal)),
        file => Assert.All(
            TypeDeclaration().Matches(Repository.Read(file)).Select(match => match.Groups[1].Value),
            name => Assert.False(name.StartsWith("Mqtt", StringComparison.Ordinal), $"{file}: {name}")));

    [Fact]
    public void No_test_sleeps() => Assert.All(
        Repository.Files("tests", "*.cs").Where(file => !file.EndsWith("/TidyTests.cs", StringComparison.Ordinal)),
        file => Assert.False(Sleep().IsMatch(Repository.Read(file)), $"{file} sleeps; wait for what must happen instead"));

    [Fact]
    public void No_source_has_a_marker_of_unfinished_work() =>
        Assert.All(Sources().Where(file => !file.EndsWith("/TidyTests.cs", StringComparison.Ordinal)), file => Assert.False(Marker().IsMatch(Repository.Read(file)), file));

    [Fact]
    public void No_test_opens_a_socket_but_those_that_are_about_real_connections()
    {
        string[] withSockets = ["tests/Whimbrel.EndToEnd/", "tests/Whimbrel.Cli.Tests/", "tests/Whimbrel.Crash/", "tests/Whimbrel.Repo.Tests/"];
        Assert.All(
            Repository.Files("tests", "*.cs").Where(file => !withSockets.Any(folder => file.StartsWith(folder, StringComparison.Ordinal))),
            file => Assert.False(Repository.Read(file).Contains("System.Net.Sockets", StringComparison.Ordinal), $"{file} uses sockets"));
    }

    private static IEnumerable<string> Sources() => Repository.Files("src", "*.cs").Concat(Repository.Files("tests", "*.cs"));

    [GeneratedRegex(@"^\s*(?:(?:public|internal|private|protected|sealed|static|abstract|partial|readonly|ref|file|unsafe) )*(?:class|struct|interface|enum|record(?: struct| class)?) (\w+)", RegexOptions.Multiline)]
    private static partial Regex TypeDeclaration();

    [GeneratedRegex(@"Thread\.Sleep\(|Task\.Delay\(")]
    private static partial Regex Sleep();

    [GeneratedRegex(@"\bTODO\b|\bFIXME\b|\bHACK\b|NotImplementedException")]
    private static partial Regex Marker();
}
