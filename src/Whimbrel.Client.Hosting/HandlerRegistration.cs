namespace Whimbrel.Client.Hosting;

/// <summary>A handler that the application has asked for, under its client's name.</summary>
/// <param name="Filter">What it subscribes to.</param>
/// <param name="Make">Gives the function, once, when the client is made.</param>
/// <param name="Options">How it subscribes.</param>
internal sealed record HandlerRegistration(
    string Filter, Func<IServiceProvider, Func<MqttMessage, CancellationToken, ValueTask>> Make, MqttSubscribeOptions Options);
