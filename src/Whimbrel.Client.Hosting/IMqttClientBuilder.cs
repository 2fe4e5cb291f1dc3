using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace Whimbrel.Client.Hosting;

/// <summary>What belongs to one client of an application. What is said later has the last word.</summary>
public interface IMqttClientBuilder
{
    /// <summary>The client's name: its key among the services, its connection string's name, its section's name.</summary>
    string Name { get; }

    IServiceCollection Services { get; }

    /// <summary>Changes the options after configuration has been read.</summary>
    IMqttClientBuilder Configure(Action<MqttClientOptions> configure);

    /// <summary>The same with other services at hand, such as a store for the outbox or a source of tokens.</summary>
    IMqttClientBuilder Configure(Action<MqttClientOptions, IServiceProvider> configure);

    /// <summary>Reads another section than <c>Mqtt:NAME</c>, after that one.</summary>
    IMqttClientBuilder Bind(IConfigurationSection section);

    /// <summary>
    /// Subscribes and gives every message to a <typeparamref name="THandler"/> of a scope of its own. Without options the subscription is of
    /// QoS 1. The client subscribes before anything else is done with it, so that a resumed session brings nothing to nobody; the first
    /// message is handled when the application has started.
    /// </summary>
    IMqttClientBuilder AddHandler<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] THandler>(
        string filter, MqttSubscribeOptions? options = null)
        where THandler : class, IMqttHandler;

    /// <summary>The same with a function.</summary>
    IMqttClientBuilder AddHandler(string filter, Func<MqttMessage, CancellationToken, ValueTask> handler, MqttSubscribeOptions? options = null);

    /// <summary>The same with a function that takes services from the message's scope.</summary>
    IMqttClientBuilder AddHandler(string filter, Func<MqttMessage, IServiceProvider, CancellationToken, ValueTask> handler, MqttSubscribeOptions? options = null);
}
