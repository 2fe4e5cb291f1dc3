using Whimbrel.Broker;

namespace Whimbrel.Hosting;

/// <summary>What every link of one listener shares.</summary>
/// <param name="Uri">How the listener is called, such as <c>mqtt://127.0.0.1:1883</c>.</param>
/// <param name="AckContract">What acknowledgements are worth there.</param>
internal sealed record ListenerIdentity(string Uri, AckContract AckContract);
