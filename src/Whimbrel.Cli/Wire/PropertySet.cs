using System.Text;
using Whimbrel.Protocol;

namespace Whimbrel.Cli.Wire;

/// <summary>One MQTT 5.0 property that the user gave. For a User Property <see cref="Text"/> is its name.</summary>
internal sealed record GivenProperty(PropertyId Id, uint Number, byte[] Text, byte[] Value);

/// <summary>The properties given for one kind of packet (or the will), in their order.</summary>
internal sealed class PropertySet
{
    private readonly List<GivenProperty> _properties = [];

    public bool IsEmpty => _properties.Count == 0;

    public void Add(GivenProperty property) => _properties.Add(property);

    public bool Has(PropertyId id) => _properties.Exists(p => p.Id == id);

    public uint? Number(PropertyId id) => _properties.Find(p => p.Id == id)?.Number;

    public byte[] Text(PropertyId id) => _properties.Find(p => p.Id == id)?.Text ?? [];

    /// <summary>The User Properties, encoded.</summary>
    public byte[] UserBlock() => Encode(p => p.Id == PropertyId.UserProperty);

    /// <summary>Encodes what passes the filter.</summary>
    public byte[] Encode(Predicate<GivenProperty> filter)
    {
        var measure = default(PropertyWriter);
        Write(ref measure, filter);
        byte[] block = new byte[measure.Length];
        var writer = new PropertyWriter(block);
        Write(ref writer, filter);
        return block;
    }

    private void Write(ref PropertyWriter writer, Predicate<GivenProperty> filter)
    {
        foreach (var property in _properties)
        {
            if (!filter(property))
                continue;
            if (property.Id == PropertyId.UserProperty)
                writer.AddUserProperty(property.Text, property.Value);
            else if (PropertyNames.IsNumber(property.Id))
                writer.Add(property.Id, property.Number);
            else
                writer.Add(property.Id, property.Text);
        }
    }
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

/// <summary>Text as MQTT has it.</summary>
internal static class WireText
{
    public static byte[] Encode(string text) => Encoding.UTF8.GetBytes(text);
}
