using Microsoft.Extensions.Logging;
using Whimbrel.Hosting;

namespace Whimbrel.Server.Tests;

public class SourcesTests
{
    private static LoadedConfiguration FromEnvironment(params (string Name, string Value)[] variables)
    {
        var loader = new ConfigurationLoader();
        loader.AddEnvironment(variables.Select(v => KeyValuePair.Create(v.Name, v.Value)));
        return loader.Load();
    }

    [Fact]
    public void Options_are_stronger_than_the_file_and_the_file_than_the_environment()
    {
        var loader = new ConfigurationLoader();
        loader.AddEnvironment([new("WHIMBREL__LOG__LEVEL", "error"), new("WHIMBREL__LINKS", "eventLoop"), new("WHIMBREL__EVENTLOOPS", "1")]);
        loader.AddJson("w.json", """{ "links": "pipes", "eventLoops": 2 }""");
        loader.AddOption("--event-loops", Settings.EventLoops, "3");
        var loaded = loader.Load();
        Assert.Empty(loaded.Problems);
        Assert.Equal(LogLevel.Error, loaded.Configuration.LogLevel);
        Assert.Equal(LinkKind.Pipes, loaded.Configuration.Links);
        Assert.Equal(3, loaded.Configuration.EventLoops);
        Assert.Equal(
            [("eventLoops", "--event-loops"), ("links", "w.json:1"), ("log.level", "WHIMBREL__LOG__LEVEL")],
            loaded.Origins.Select(o => (o.Key, o.Value)).Order());
    }

    [Theory]
    [InlineData("WHIMBREL__LIMITS__RECEIVEMAXIMUM")]
    [InlineData("WHIMBREL__limits__receiveMaximum")]
    [InlineData("whimbrel__Limits__ReceiveMaximum")]
    public void The_case_of_a_variable_does_not_matter(string name) =>
        Assert.Equal(7, FromEnvironment((name, "7")).Configuration.Limits.ReceiveMaximum);

    [Theory]
    [InlineData("true", true)]
    [InlineData("1", true)]
    [InlineData("Off", false)]
    [InlineData("no", false)]
    public void A_flag_has_the_words_that_people_use(string text, bool expected) =>
        Assert.Equal(expected, FromEnvironment(("WHIMBREL__LIMITS__QUEUEQOS0OFFLINE", text)).Configuration.Limits.QueueQoS0Offline);

    [Fact]
    public void A_list_is_separated_by_commas_or_blanks() => Assert.Equal(
        ["mqtt://127.0.0.1:1", "unix:///a", "mqtt://127.0.0.1:2"],
        FromEnvironment(("WHIMBREL__LISTEN", "mqtt://127.0.0.1:1, unix:///a mqtt://127.0.0.1:2")).Configuration.Listen.Select(e => e.Uri));

    [Fact]
    public void An_unknown_variable_is_named_with_what_was_meant() => Assert.Equal(
        "environment: WHIMBREL__LIMITS__RECEIVEMAX: unknown variable; did you mean WHIMBREL__LIMITS__RECEIVEMAXIMUM?",
        Assert.Single(FromEnvironment(("WHIMBREL__LIMITS__RECEIVEMAX", "7")).Problems).ToString());

    [Fact]
    public void A_wrong_variable_is_named_with_what_would_be_right() => Assert.Equal(
        "environment: WHIMBREL__EVENTLOOPS: must be a whole number from 0 to 1,024, not \"many\"",
        Assert.Single(FromEnvironment(("WHIMBREL__EVENTLOOPS", "many")).Problems).ToString());

    [Fact]
    public void A_variable_in_two_spellings_is_given_twice() => Assert.Equal(
        "environment: whimbrel__links: given twice: WHIMBREL__LINKS says the same",
        Assert.Single(FromEnvironment(("WHIMBREL__LINKS", "auto"), ("whimbrel__links", "pipes")).Problems).ToString());

    [Fact]
    public void Variables_of_others_are_left_alone() =>
        Assert.Empty(FromEnvironment(("WHIMBREL_URL", "mqtt://x"), ("PATH", "/bin"), ("WHIMBRELX__A", "1")).Problems);

    [Fact]
    public void Problems_of_a_weaker_source_are_told_although_a_stronger_one_overrides_it()
    {
        var loader = new ConfigurationLoader();
        loader.AddEnvironment([new("WHIMBREL__LINKS", "steam")]);
        loader.AddOption("--links", Settings.Links, "pipes");
        Assert.Equal("environment", Assert.Single(loader.Load().Problems).Source);
    }

    [Fact]
    public void A_wrong_option_is_named()
    {
        var loader = new ConfigurationLoader();
        loader.AddOption("--listen", Settings.Listen, "mqtt://127.0.0.1:1884", "foo");
        Assert.StartsWith("--listen: 'foo' is not an endpoint", Assert.Single(loader.Load().Problems).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_s_problem_is_told_once_when_the_bound_comes_from_two_sources()
    {
        var loader = new ConfigurationLoader();
        loader.AddEnvironment([new("WHIMBREL__LIMITS__LINKHIGHWATERBYTES", "5000000")]);
        Assert.StartsWith("environment: limits.linkOutputBytesMax: must not be below", Assert.Single(loader.Load().Problems).ToString(), StringComparison.Ordinal);
    }
}
