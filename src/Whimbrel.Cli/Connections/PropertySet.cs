using System.Text;
using Whimbrel.Client;
using Whimbrel.Protocol;

namespace Whimbrel.Cli.Connections;

/// <summary>One MQTT 5.0 property that the user gave. For a User Property <see cref="Text"/> is its name.</summary>
internal sealed record GivenProperty(PropertyId Id, uint Number, string Text, string Value);

/// <summary>The properties given for one kind of packet (or the will), in their order.</summary>
internal sealed class PropertySet
{
    private readonly List<GivenProperty> _properties = [];

    public bool IsEmpty => _properties.Count == 0;

    public IReadOnlyList<KeyValuePair<string, string>> UserProperties =>
        [.. _properties.Where(p => p.Id == PropertyId.UserProperty).Select(p => new KeyValuePair<string, string>(p.Text, p.Value))];

    public void Add(GivenProperty property) => _properties.Add(property);

    public bool Has(PropertyId id) => _properties.Exists(p => p.Id == id);

    public uint? Number(PropertyId id) => _properties.Find(p => p.Id == id)?.Number;

    public string? Text(PropertyId id) => _properties.Find(p => p.Id == id)?.Text;

    public byte[]? Bytes(PropertyId id) => Text(id) is { } text ? Encoding.UTF8.GetBytes(text) : null;

    public TimeSpan? Seconds(PropertyId id) => Number(id) is { } seconds ? TimeSpan.FromSeconds(seconds) : null;

    /// <summary>A message with these properties.</summary>
    public MqttPublishRequest Message(string topic, ReadOnlyMemory<byte> payload, MqttQoS qos, bool retain) => new()
    {
        Topic = topic,
        Payload = payload,
        QoS = qos,
        Retain = retain,
        Expiry = Seconds(PropertyId.MessageExpiryInterval),
        ContentType = Text(PropertyId.ContentType),
        ResponseTopic = Text(PropertyId.ResponseTopic),
        CorrelationData = Bytes(PropertyId.CorrelationData),
        PayloadIsText = Number(PropertyId.PayloadFormatIndicator) == 1,
        UserProperties = UserProperties,
    };
}

/// <summary>The properties of a command line by the packet that they are for.</summary>
internal sealed class PropertySets
{
    private readonly Dictionary<PropertyScope, PropertySet> _sets = [];

    public PropertySet this[PropertyScope scope]
    {
        get
        {
            if (!_sets.TryGetValue(scope, out var set))
                _sets[scope] = set = new PropertySet();
            return set;
        }
    }

    public bool IsEmpty => _sets.Values.All(s => s.IsEmpty);
}
