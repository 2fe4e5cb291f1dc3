using System.Xml.Linq;

namespace Whimbrel.Repo.Tests;

public class ArrowTests
{
    /// <summary>Every arrow that the house has. A room that is not named here does not exist.</summary>
    private static readonly Dictionary<string, string[]> Allowed = new()
    {
        ["Whimbrel.Protocol"] = [],
        ["Whimbrel.Broker"] = ["Whimbrel.Protocol"],
        ["Whimbrel.Storage"] = ["Whimbrel.Broker"],
        ["Whimbrel.Hosting"] = ["Whimbrel.Broker"],
        ["Whimbrel.Client"] = ["Whimbrel.Protocol"],
        ["Whimbrel.Client.Hosting"] = ["Whimbrel.Client"],
        ["Whimbrel.Client.Testing"] = ["Whimbrel.Hosting"],
        ["Whimbrel.Client.Outbox"] = ["Whimbrel.Client"],
        ["Whimbrel.Server"] = ["Whimbrel.Hosting", "Whimbrel.Storage"],
        ["Whimbrel.Cli"] = ["Whimbrel.Server", "Whimbrel.Client", "Whimbrel.Protocol"],
    };

    /// <summary>The library packages that people put into their own programs bring no dependencies.</summary>
    private static readonly string[] WithoutPackages = ["Whimbrel.Protocol", "Whimbrel.Broker", "Whimbrel.Client", "Whimbrel.Client.Hosting", "Whimbrel.Client.Testing", "Whimbrel.Hosting"];

    private static readonly string[] PureRooms = ["Whimbrel.Protocol", "Whimbrel.Broker"];

    public static TheoryData<string> Projects() => [.. Repository.Files("src", "*.csproj")];

    [Theory]
    [MemberData(nameof(Projects))]
    public void A_room_refers_only_to_the_rooms_that_the_house_allows(string project)
    {
        string room = Path.GetFileNameWithoutExtension(project);
        Assert.True(Allowed.ContainsKey(room), $"{room} is not a room of the house: see ARCHITECTURE.md");
        foreach (string reference in References(project, "ProjectReference").Select(path => Path.GetFileNameWithoutExtension(path.Replace('\\', '/'))))
            Assert.Contains(reference, Allowed[room]);
    }

    [Theory]
    [MemberData(nameof(Projects))]
    public void A_library_package_depends_on_nothing_but_the_framework(string project)
    {
        if (WithoutPackages.Contains(Path.GetFileNameWithoutExtension(project)))
            Assert.DoesNotContain(References(project, "PackageReference"), package => !package.StartsWith("Microsoft.Extensions.", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Projects))]
    public void A_pure_room_is_built_with_the_banned_symbols(string project)
    {
        string room = Path.GetFileNameWithoutExtension(project);
        bool isPure = XDocument.Load(Repository.Path(project)).Descendants("PureRoom").Any(element => element.Value == "true");
        Assert.Equal(PureRooms.Contains(room), isPure);
    }

    [Fact]
    public void The_solution_holds_every_project()
    {
        string solution = Repository.Read("Whimbrel.slnx");
        foreach (string folder in new[] { "src", "tests", "bench", "samples" }.Where(folder => Directory.Exists(Repository.Path(folder))))
            Assert.All(Repository.Files(folder, "*.csproj"), project => Assert.Contains(project, solution));
    }

    private static List<string> References(string project, string kind) =>
        [.. XDocument.Load(Repository.Path(project)).Descendants(kind).Select(element => element.Attribute("Include")!.Value)];
}
