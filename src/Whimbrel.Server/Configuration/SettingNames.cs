namespace Whimbrel.Server;

/// <summary>How a setting's key becomes the name of an environment variable and back.</summary>
internal static class SettingNames
{
    public const string VariablePrefix = "WHIMBREL__";

    /// <summary><c>limits.receiveMaximum</c> becomes <c>WHIMBREL__LIMITS__RECEIVEMAXIMUM</c>.</summary>
    public static string Variable(string key) => VariablePrefix + key.Replace(".", "__", StringComparison.Ordinal).ToUpperInvariant();

    /// <summary>The key's last step: <c>receiveMaximum</c>.</summary>
    public static string Leaf(string key) => key[(key.LastIndexOf('.') + 1)..];

    /// <summary>What the last step stands in: <c>limits</c>, or empty at the top.</summary>
    public static string Section(string key) => key.LastIndexOf('.') is >= 0 and var dot ? key[..dot] : "";
}
