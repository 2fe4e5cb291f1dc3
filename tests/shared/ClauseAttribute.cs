namespace Whimbrel.Tests;

/// <summary>
/// Says which numbered statement of the MQTT 5.0 specification a test holds, such as <c>MQTT-3.3.1-3</c>.
/// <c>docs/conformance.md</c> is generated from these.
/// </summary>
[AttributeUsage(AttributeTargets.Method | AttributeTargets.Class, AllowMultiple = true)]
internal sealed class ClauseAttribute(string id) : Attribute
{
    public string Id { get; } = id;
}

/// <summary>The same for a statement of the MQTT 3.1.1 specification, whose numbers mean other statements.</summary>
[AttributeUsage(AttributeTargets.Method | AttributeTargets.Class, AllowMultiple = true)]
internal sealed class Clause311Attribute(string id) : Attribute
{
    public string Id { get; } = id;
}
