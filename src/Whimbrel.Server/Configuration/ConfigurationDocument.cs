using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Whimbrel.Server;

/// <summary>The configuration written out: as a file that reads back the same, as rows, and as the reference page.</summary>
internal static class ConfigurationDocument
{
    /// <summary>A file with every setting's effective value.</summary>
    public static string ToJson(ServerConfiguration configuration)
    {
        using var stream = new MemoryStream();
        var options = new JsonWriterOptions { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
        using (var writer = new Utf8JsonWriter(stream, options))
        {
            writer.WriteStartObject();
            string section = "";
            foreach (var setting in Settings.All)
            {
                string own = SettingNames.Section(setting.Key);
                if (own != section)
                {
                    if (section.Length > 0)
                        writer.WriteEndObject();
                    if (own.Length > 0)
                        writer.WriteStartObject(own);
                    section = own;
                }

                writer.WritePropertyName(SettingNames.Leaf(setting.Key));
                Write(writer, setting.Show(configuration));
            }

            if (section.Length > 0)
                writer.WriteEndObject();
            writer.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.ToArray());
    }

    /// <summary>Key, value and where it was said, for every setting.</summary>
    public static IEnumerable<(string Key, string Value, string Origin)> Rows(LoadedConfiguration loaded) =>
        Settings.All.Select(s => (s.Key, s.Show(loaded.Configuration).ToString(), loaded.Origins.GetValueOrDefault(s.Key, "default")));

    /// <summary>The page docs/reference/configuration.md.</summary>
    public static string ToMarkdown()
    {
        var page = new StringBuilder();
        page.Append(
            """
            # Configuration

            <!-- Generated from the table in src/Whimbrel.Server/Configuration/Settings.cs; a test holds it to that. -->

            `whimbrel serve` needs no configuration. What it is given comes from three places; where they disagree, the first wins:

            1. options: `whimbrel serve --listen mqtt://*:1883 --log-level debug`
            2. a file: `whimbrel serve --config whimbrel.json`, JSON with comments and trailing commas
            3. environment variables: `WHIMBREL__` and the key, with `__` for the dot, in upper or lower case;
               a list is separated by commas

            ```json
            {
              "listen": ["mqtt://*:1883"], // every address of this machine
              "log": { "level": "info" },
              "limits": { "maximumPacketSize": 1048576 },
            }
            ```

            Keys that do not exist and values out of range are errors: `whimbrel config check whimbrel.json` names all of them with
            line and column, `whimbrel config show` prints what is in force.

            | Key | Default | Allowed | Meaning |
            |---|---|---|---|

            """.ReplaceLineEndings("\n"));
        var defaults = new ServerConfiguration();
        foreach (var setting in Settings.All)
            page.Append(CultureInfo.InvariantCulture, $"| `{setting.Key}` | `{setting.Show(defaults)}` | {setting.Expected} | {setting.Description} |\n");

        page.Append("\n## Environment variables\n\n| Key | Variable |\n|---|---|\n");
        foreach (var setting in Settings.All)
            page.Append(CultureInfo.InvariantCulture, $"| `{setting.Key}` | `{setting.Variable}` |\n");
        return page.ToString();
    }

    private static void Write(Utf8JsonWriter writer, SettingValue value)
    {
        switch (value.Form)
        {
            case SettingForm.Null:
                writer.WriteNullValue();
                break;
            case SettingForm.Number:
                writer.WriteNumberValue(value.Number);
                break;
            case SettingForm.Boolean:
                writer.WriteBooleanValue(value.IsTrue);
                break;
            case SettingForm.List:
                writer.WriteStartArray();
                foreach (var item in value.Items)
                    Write(writer, item);
                writer.WriteEndArray();
                break;
            default:
                writer.WriteStringValue(value.Text);
                break;
        }
    }
}
