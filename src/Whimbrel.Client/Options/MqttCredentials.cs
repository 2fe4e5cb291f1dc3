namespace Whimbrel.Client;

/// <summary>What CONNECT says about who this is.</summary>
/// <param name="userName">Null: only a password, which MQTT 5.0 allows.</param>
/// <param name="password">Bytes; often a token.</param>
public sealed class MqttCredentials(string? userName, ReadOnlyMemory<byte>? password = null)
{
    public MqttCredentials(string userName, string password)
        : this(userName, System.Text.Encoding.UTF8.GetBytes(password))
    {
    }

    public string? UserName { get; } = userName;

    public ReadOnlyMemory<byte>? Password { get; } = password;

    /// <summary>The name without the password.</summary>
    public override string ToString() => UserName ?? "(no name)";
}
