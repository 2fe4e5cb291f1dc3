using System.Text.RegularExpressions;

namespace Whimbrel.Repo.Tests;

/// <summary>
/// The code in the guide is code that the tests run: each C# block of its pages is a snippet, and each snippet is a block. A snippet is what
/// stands between <c>// snippet: name</c> and <c>// end</c> in the tests, with <c>address</c> for the address that the guide spells out.
/// </summary>
public partial class GuideTests
{
    private const string Folder = "tests/Whimbrel.EndToEnd/Client/Guide";

    private static readonly Dictionary<string, string> Spelled = new()
    {
        ["address"] = "\"mqtt://localhost\"",
        ["secureAddress"] = "\"mqtts://broker.example\"",
        ["proxyAddress"] = "\"http://proxy.example:3128\"",
    };

    private static readonly string[] AllPages = [.. Repository.Files("docs/guide", "*.md"), "README.md"];

    public static TheoryData<string> Pages() => [.. AllPages];

    [Theory]
    [MemberData(nameof(Pages))]
    public void Every_block_of_code_is_a_snippet_that_a_test_runs(string page)
    {
        Dictionary<string, string> snippets = Snippets();
        foreach (string block in Blocks(page))
            Assert.True(snippets.ContainsValue(block), $"{page}: no snippet in {Folder} reads like this:\n{block}");
    }

    [Fact]
    public void Every_snippet_is_a_block_of_a_page()
    {
        string[] blocks = [.. AllPages.SelectMany(Blocks)];
        Assert.All(Snippets(), snippet => Assert.True(blocks.Contains(snippet.Value), $"no page has the snippet '{snippet.Key}':\n{snippet.Value}"));
    }

    [Fact]
    public void The_guide_has_at_least_ten_snippets() => Assert.True(Blocks("docs/guide/client.md").Length >= 10);

    /// <summary>The client's pages as they are, and of the README what stands under the client's heading.</summary>
    private static string[] Blocks(string page)
    {
        string text = Repository.Read(page);
        if (page == "README.md")
            text = ClientSection().Match(text).Value;
        return [.. Block().Matches(text).Select(match => match.Groups[1].Value)];
    }

    private static Dictionary<string, string> Snippets()
    {
        var snippets = new Dictionary<string, string>();
        foreach (string file in Repository.Files(Folder, "*.cs"))
        {
            MatchCollection found = Snippet().Matches(Repository.Read(file));
            Assert.True(found.Count == Marker().Count(Repository.Read(file)), $"{file}: a snippet has no end");
            foreach (Match match in found)
                snippets.Add(match.Groups["name"].Value, Spell(match.Groups["code"].Value, match.Groups["indent"].Length));
        }

        return snippets;
    }

    private static string Spell(string code, int indent)
    {
        IEnumerable<string> lines = code.TrimEnd('\n').Split('\n').Select(line => line.Length > indent ? line[indent..] : line.TrimStart());
        return Name().Replace(string.Join('\n', lines), match => Spelled.GetValueOrDefault(match.Value, match.Value)) + "\n";
    }

    [GeneratedRegex(@"^```csharp\n(.*?)^```$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Block();

    [GeneratedRegex(@"^## The client library\n.*?(?=^## |\z)", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex ClientSection();

    [GeneratedRegex(@"^(?<indent> *)// snippet: (?<name>[a-z0-9-]+)\n(?<code>(?:(?!^ *// snippet: ).)*?)^\k<indent>// end$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Snippet();

    [GeneratedRegex("^ *// snippet: ", RegexOptions.Multiline)]
    private static partial Regex Marker();

    [GeneratedRegex(@"(?<![\w.])(?:address|secureAddress|proxyAddress)(?!\w)")]
    private static partial Regex Name();
}
