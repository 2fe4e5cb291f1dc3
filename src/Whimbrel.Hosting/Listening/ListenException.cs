namespace Whimbrel.Hosting;

/// <summary>A listener could not be opened. The message names the endpoint and the cause.</summary>
public sealed class ListenException : IOException
{
    public ListenException(string endpoint, string cause, Exception? inner = null)
        : base($"{endpoint}: {cause}", inner)
    {
        Endpoint = endpoint;
        Cause = cause;
    }

    /// <summary>The listener's URI, such as <c>mqtt://127.0.0.1:1883</c>.</summary>
    public string Endpoint { get; }

    /// <summary>Why, such as <c>address already in use</c>.</summary>
    public string Cause { get; }

    /// <summary>True if this machine does not have such addresses, so that another kind of address may do.</summary>
    internal bool IsUnsupportedAddress { get; init; }
}
