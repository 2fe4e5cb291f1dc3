using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Whimbrel.Broker;

namespace Whimbrel.Server.Tests;

public partial class SettingsTests
{
    [Fact]
    public void Every_property_of_the_broker_s_options_has_a_setting()
    {
        var properties = typeof(BrokerOptions).GetProperties().Where(p => p.CanWrite).Select(p => $"limits.{char.ToLowerInvariant(p.Name[0])}{p.Name[1..]}");
        Assert.Equal(properties.Order(), Settings.All.Select(s => s.Key).Where(k => k.StartsWith("limits.", StringComparison.Ordinal)).Order());
    }

    [Fact]
    public void Every_setting_writes_its_own_property()
    {
        // What a setting was given is what it shows, and no other setting shows a change.
        foreach (var setting in Settings.All)
        {
            var before = new ServerConfiguration();
            var after = before;
            setting.Apply(Other(setting, before), ref after, (_, what) => Assert.Fail($"{setting.Key} {what}"));
            Assert.NotEqual(setting.Show(before).ToString(), setting.Show(after).ToString());
            Assert.All(Settings.All.Where(s => s != setting), s => Assert.Equal(s.Show(before).ToString(), s.Show(after).ToString()));
        }
    }

    [Fact]
    public void The_broker_accepts_both_ends_of_every_range()
    {
        foreach (var setting in Settings.All.OfType<NumberSetting>())
        {
            foreach (Match number in Number().Matches(setting.Expected))
            {
                var configuration = new ServerConfiguration();
                long end = long.Parse(number.Value, NumberStyles.AllowThousands, CultureInfo.InvariantCulture);
                setting.Apply(SettingValue.Of(end), ref configuration, (_, what) => Assert.Fail($"{setting.Key} {what}"));
                if (setting.Key is not ("limits.linkOutputBytesMax" or "limits.linkHighWaterBytes"))
                    configuration.Limits.Validated();
                foreach (long beyond in new[] { end - 1, end + 1 }.Where(n => !IsInside(setting, n)))
                    AssertRefused(setting, beyond);
            }
        }
    }

    [Fact]
    public void What_is_shown_reads_back_the_same()
    {
        var configuration = new ServerConfiguration();
        foreach (var setting in Settings.All)
            setting.Apply(Other(setting, configuration), ref configuration, (_, what) => Assert.Fail($"{setting.Key} {what}"));
        string json = ConfigurationDocument.ToJson(configuration);

        var loader = new ConfigurationLoader();
        loader.AddJson("shown", json);
        var loaded = loader.Load();
        Assert.Empty(loaded.Problems);
        Assert.Equal(json, ConfigurationDocument.ToJson(loaded.Configuration));
    }

    [Fact]
    public void The_reference_page_is_current()
    {
        string path = ReferencePage();
        string page = ConfigurationDocument.ToMarkdown();
        if (Environment.GetEnvironmentVariable("WHIMBREL_WRITE_DOCS") == "1")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, page);
        }

        Assert.True(
            File.Exists(path) && File.ReadAllText(path) == page,
            "docs/reference/configuration.md is stale; renew it with WHIMBREL_WRITE_DOCS=1 dotnet test --project tests/Whimbrel.Server.Tests");
    }

    [Fact]
    public void The_rows_of_config_show_name_where_a_value_comes_from()
    {
        var loader = new ConfigurationLoader();
        loader.AddOption("--links", Settings.Links, "pipes");
        var rows = ConfigurationDocument.Rows(loader.Load()).ToList();
        Assert.Contains(("links", "\"pipes\"", "--links"), rows);
        Assert.Contains(("eventLoops", "0", "default"), rows);
        Assert.Equal(Settings.All.Count, rows.Count);
    }

    /// <summary>An acceptable value that is not the present one.</summary>
    private static SettingValue Other(Setting setting, ServerConfiguration configuration) => setting.Show(configuration) switch
    {
        { Form: SettingForm.Number } number => SettingValue.Of(number.Number == 2 ? 1 : number.Number + 1),
        { Form: SettingForm.Boolean } flag => SettingValue.Of(!flag.IsTrue),
        { Form: SettingForm.List } => SettingValue.Of([SettingValue.Of("unix:///run/other.sock")]),
        _ => SettingValue.Of(setting.Key switch
        {
            Settings.Links => "pipes",
            Settings.LogLevelKey => "trace",
            "limits.outboxPolicy" => "dropNewest",
            Settings.DataStore => "memory",
            Settings.DataProfile => "small",
            _ => "other",
        }),
    };

    private static bool IsInside(NumberSetting setting, long number)
    {
        var ends = Number().Matches(setting.Expected).Select(m => long.Parse(m.Value, NumberStyles.AllowThousands, CultureInfo.InvariantCulture)).ToArray();
        return number >= ends[0] && number <= ends[1];
    }

    private static void AssertRefused(NumberSetting setting, long number)
    {
        var configuration = new ServerConfiguration();
        int complaints = 0;
        setting.Apply(SettingValue.Of(number), ref configuration, (_, _) => complaints++);
        Assert.Equal(1, complaints);
    }

    private static string ReferencePage([CallerFilePath] string thisFile = "") =>
        Path.Combine(Path.GetDirectoryName(thisFile)!, "..", "..", "docs", "reference", "configuration.md");

    [GeneratedRegex(@"[\d,]*\d")]
    private static partial Regex Number();
}
