namespace Whimbrel.Client.Outbox;

/// <summary>The durable outbox in one line.</summary>
public static class FileOutbox
{
    /// <summary>
    /// Keeps what is queued or in flight in a file, so that it survives the process. The client needs a <see cref="MqttClientOptions.ClientId"/>
    /// that stays; an application's clients have one.
    /// </summary>
    /// <param name="options">The client's options.</param>
    /// <param name="path">The file; it and its directory are made if they are not there. Every client needs one of its own.</param>
    public static MqttClientOptions UseFileOutbox(this MqttClientOptions options, string path)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Outbox.Store = new SqliteOutbox(path);
        return options;
    }
}
