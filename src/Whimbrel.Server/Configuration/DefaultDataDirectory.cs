namespace Whimbrel.Server;

/// <summary>Where the data directory is when nobody says.</summary>
public static class DefaultDataDirectory
{
    /// <summary>
    /// What systemd gave the service (<c>STATE_DIRECTORY</c>); else <c>whimbrel</c> in the user's own data directory
    /// (<c>$XDG_DATA_HOME</c>, <c>~/.local/share</c>, on Windows <c>%LOCALAPPDATA%</c>); for users without a home the system's,
    /// <c>/var/lib/whimbrel</c>.
    /// </summary>
    public static string Path => Of(Environment.GetEnvironmentVariable, Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData));

    internal static string Of(Func<string, string?> variable, string userData)
    {
        // systemd separates several directories by colons; the first one is the service's own.
        if (variable("STATE_DIRECTORY") is { Length: > 0 } given)
            return given.Split(':')[0];
        return userData.Length == 0 ? "/var/lib/whimbrel" : System.IO.Path.Combine(userData, "whimbrel");
    }
}
