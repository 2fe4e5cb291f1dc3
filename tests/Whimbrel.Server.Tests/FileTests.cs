using Microsoft.Extensions.Logging;
using Whimbrel.Broker;
using Whimbrel.Hosting;
using Whimbrel.Protocol;

namespace Whimbrel.Server.Tests;

public class FileTests
{
    private static LoadedConfiguration Load(string json)
    {
        var loader = new ConfigurationLoader();
        loader.AddJson("w.json", json);
        return loader.Load();
    }

    private static string OnlyProblem(string json) => Assert.Single(Load(json).Problems).ToString();

    [Fact]
    public void An_empty_object_is_the_default_configuration()
    {
        var loaded = Load("{}");
        Assert.True(loaded.IsAcceptable);
        Assert.Equal(new BrokerOptions(), loaded.Configuration.Limits);
        Assert.Equal(["mqtt://localhost:1883"], loaded.Configuration.Listen.Select(e => e.Uri));
        Assert.Empty(loaded.Origins);
    }

    [Fact]
    public void Comments_and_trailing_commas_are_allowed()
    {
        var loaded = Load(
            """
            {
              // where
              "listen": ["mqtt://127.0.0.1:1884", "unix:///run/w.sock",], /* how */
              "links": "pipes", "eventLoops": 3,
              "log": { "level": "debug" },
              "limits": { "maximumQoS": 1, "retainAvailable": false, "outboxPolicy": "rejectPublisher", "responseInformation": "r/", },
            }
            """);
        Assert.Empty(loaded.Problems);
        Assert.Equal(["mqtt://127.0.0.1:1884", "unix:///run/w.sock"], loaded.Configuration.Listen.Select(e => e.Uri));
        Assert.Equal(LinkKind.Pipes, loaded.Configuration.Links);
        Assert.Equal(3, loaded.Configuration.EventLoops);
        Assert.Equal(LogLevel.Debug, loaded.Configuration.LogLevel);
        Assert.Equal(
            new BrokerOptions { MaximumQoS = QoS.AtLeastOnce, RetainAvailable = false, OutboxPolicy = OutboxPolicy.RejectPublisher, ResponseInformation = "r/" },
            loaded.Configuration.Limits);
        Assert.Equal("w.json:6", loaded.Origins["limits.maximumQoS"]);
    }

    [Fact]
    public void A_byte_order_mark_is_skipped() => Assert.Empty(Load("\uFEFF{}").Problems);

    [Fact]
    public void An_unknown_key_is_named_with_its_place_its_path_and_what_was_meant() => Assert.Equal(
        "w.json:3:5: limits.maximumPaketSize: unknown key; did you mean limits.maximumPacketSize?",
        OnlyProblem("{\n  \"limits\": {\n    \"maximumPaketSize\": 5\n  }\n}"));

    [Theory]
    [InlineData("""{ "Listen": [] }""", "listen")]
    [InlineData("""{ "lisen": [] }""", "listen")]
    [InlineData("""{ "limit": {} }""", "limits")]
    [InlineData("""{ "receiveMaximum": 5 }""", "limits.receiveMaximum")]
    [InlineData("""{ "level": "info" }""", "log.level")]
    [InlineData("""{ "limits": { "links": "auto" } }""", "links")]
    [InlineData("""{ "limits": { "maxQos": 1 } }""", "limits.maximumQoS")]
    [InlineData("""{ "limits.receiveMaximum": 5 }""", "limits.receiveMaximum")]
    public void The_suggestion_is_the_full_path(string json, string meant) => Assert.Equal(meant, Assert.Single(Load(json).Problems).Suggestion);

    [Fact]
    public void A_key_that_resembles_nothing_gets_no_suggestion() =>
        Assert.Null(Assert.Single(Load("""{ "xyzzy": 1 }""").Problems).Suggestion);

    [Fact]
    public void What_stands_in_an_unknown_section_is_not_judged() =>
        Assert.Equal("w.json:1:3: bridges: unknown key", OnlyProblem("""{ "bridges": { "a": [1, { "b": 2 }], "listen": 5 } }"""));

    [Theory]
    [InlineData("""{ "eventLoops": "4" }""", "w.json:1:17: eventLoops: must be a whole number from 0 to 1,024, not \"4\": write 4 without quotes")]
    [InlineData("""{ "eventLoops": 1.5 }""", "w.json:1:17: eventLoops: must be a whole number from 0 to 1,024, not 1.5")]
    [InlineData("""{ "eventLoops": -1 }""", "w.json:1:17: eventLoops: must be a whole number from 0 to 1,024, not -1")]
    [InlineData("""{ "eventLoops": 99999999999999999999 }""", "w.json:1:17: eventLoops: must be a whole number from 0 to 1,024, not 99999999999999999999")]
    [InlineData("""{ "eventLoops": null }""", "w.json:1:17: eventLoops: must be a whole number from 0 to 1,024, not null")]
    [InlineData("""{ "eventLoops": { "a": 1 } }""", "w.json:1:17: eventLoops: must be a whole number from 0 to 1,024, not an object")]
    [InlineData("""{ "eventLoops": [1, true] }""", "w.json:1:17: eventLoops: must be a whole number from 0 to 1,024, not [1, true]")]
    [InlineData("""{ "links": "pipe" }""", "w.json:1:12: links: must be \"auto\", \"eventLoop\" or \"pipes\", not \"pipe\"; did you mean \"pipes\"?")]
    [InlineData("""{ "links": 1 }""", "w.json:1:12: links: must be \"auto\", \"eventLoop\" or \"pipes\", not 1")]
    [InlineData("""{ "limits": { "retainAvailable": "true" } }""", "w.json:1:34: limits.retainAvailable: must be true or false, not \"true\": write true without quotes")]
    [InlineData("""{ "limits": { "retainAvailable": 1 } }""", "w.json:1:34: limits.retainAvailable: must be true or false, not 1")]
    [InlineData("""{ "limits": { "version": null } }""", "w.json:1:26: limits.version: must be a text, not null")]
    [InlineData("""{ "limits": { "responseInformation": 1 } }""", "w.json:1:38: limits.responseInformation: must be a text, or null for none, not 1")]
    [InlineData("""{ "limits": 5 }""", "w.json:1:13: limits: must be an object such as { \"maximumPacketSize\": ... }, not 5")]
    [InlineData("""{ "log": [] }""", "w.json:1:10: log: must be an object such as { \"level\": ... }, not []")]
    [InlineData("""{ "listen": [] }""", "w.json:1:13: listen: must name at least one endpoint")]
    [InlineData("""{ "listen": "mqtt://localhost" }""", "w.json:1:13: listen: must be a list of endpoints such as [\"mqtt://localhost:1883\", \"unix:///run/whimbrel.sock\"], not \"mqtt://localhost\": put it in brackets, [\"mqtt://localhost\"]")]
    [InlineData("""{ "listen": [1] }""", "w.json:1:14: listen: must be a list of endpoints such as [\"mqtt://localhost:1883\", \"unix:///run/whimbrel.sock\"]; 1 is not a text")]
    public void A_wrong_value_is_named_with_its_place_and_what_would_be_right(string json, string problem) => Assert.Equal(problem, OnlyProblem(json));

    [Fact]
    public void Every_wrong_endpoint_is_named_at_its_own_place()
    {
        var problems = Load("{\n\"listen\": [\"mqtt://localhost\",\n  \"http://x\",\n  \"mqtt://localhost:99999\"]\n}").Problems;
        Assert.Equal([(3, 3), (4, 3)], problems.Select(p => (p.Line, p.Column)));
        Assert.All(problems, p => Assert.Equal("listen", p.Key));
    }

    [Fact]
    public void A_key_given_twice_is_named_with_the_line_of_the_first() => Assert.Equal(
        "w.json:3:1: eventLoops: given twice: line 2 has it too", OnlyProblem("{\n\"eventLoops\": 1,\n\"eventLoops\": 2\n}"));

    [Fact]
    public void A_column_counts_characters_and_not_bytes() =>
        Assert.Equal(31, Assert.Single(Load("{ \"limits\": { \"version\": \"é\", \"x\": 1 } }").Problems).Column);

    [Fact]
    public void All_problems_are_told_in_the_order_of_their_lines()
    {
        var problems = Load("{\n\"a1\": 1,\n\"limits\": { \"receiveMaximum\": 0,\n\"zzz\": 1 },\n\"links\": 5\n}").Problems;
        Assert.Equal([2, 3, 4, 5], problems.Select(p => p.Line));
    }

    [Theory]
    [InlineData("", "w.json:1:1: is empty; write {} for the defaults")]
    [InlineData("  \n ", "w.json:1:1: is empty; write {} for the defaults")]
    [InlineData("[]", "w.json:1:1: must be one object: { ... }")]
    [InlineData("\n  5", "w.json:2:3: must be one object: { ... }")]
    public void A_file_must_be_one_object(string json, string problem) => Assert.Equal(problem, OnlyProblem(json));

    [Theory]
    [InlineData("{\n  \"links\": pipes\n}", 2)]
    [InlineData("{\n  \"links\" \"pipes\"\n}", 2)]
    [InlineData("{\n  \"links\": \"pipes\"\n", 3)]
    [InlineData("{\n}\n{", 3)]
    [InlineData("{ \"eventLoops\": 01 }", 1)]
    public void Broken_syntax_is_named_with_its_line(string json, int line)
    {
        var problem = Assert.Single(Load(json).Problems);
        Assert.Equal(line, problem.Line);
        Assert.StartsWith("is not JSON: ", problem.What, StringComparison.Ordinal);
    }

    [Fact]
    public void Broken_syntax_is_named_with_its_column_in_characters()
    {
        var problem = Assert.Single(Load("{\n  \"ä\": nope }").Problems, p => p.Key is null);
        Assert.Equal((2, 9), (problem.Line, problem.Column));
    }

    [Fact]
    public void What_stands_before_broken_syntax_is_still_judged() =>
        Assert.Equal(["unknown key", "is not JSON"], Load("{ \"x1\": 1,\n oops }").Problems.Select(p => p.What.Split(':')[0]));

    [Fact]
    public void A_file_that_is_not_UTF8_says_where()
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, [.. "{\n \""u8, 0xFF, .. "\": 1 }"u8]);
            var loader = new ConfigurationLoader();
            loader.AddFile(path);
            Assert.Equal($"{path}:2:3: is not UTF-8 text from here on", Assert.Single(loader.Load().Problems).ToString());
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void A_missing_file_is_named()
    {
        var loader = new ConfigurationLoader();
        loader.AddFile("/nonexistent/w.json");
        Assert.Equal("/nonexistent/w.json: there is no such file", Assert.Single(loader.Load().Problems).ToString());
    }

    [Fact]
    public void A_directory_is_no_file()
    {
        var loader = new ConfigurationLoader();
        loader.AddFile(Path.GetTempPath());
        Assert.EndsWith(": is a directory", Assert.Single(loader.Load().Problems).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_bound_below_another_is_named_where_it_was_said() => Assert.Equal(
        "w.json:1:37: limits.linkOutputBytesMax: must not be below limits.linkHighWaterBytes: 2000 < 262144",
        OnlyProblem("""{ "limits": { "linkOutputBytesMax": 2000 } }"""));
}
