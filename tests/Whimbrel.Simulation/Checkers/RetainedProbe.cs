using Whimbrel.Broker;

namespace Whimbrel.Simulation;

/// <summary>Looks at what is retained, from inside the process: the last accepted value of every topic and nothing else.</summary>
internal static class RetainedProbe
{
    public static void Check(World world)
    {
        string expected = Describe(world.Model.State.RetainedNow.Select(publication => (publication.Topic, publication.Name)));
        var collector = new Collector();
        world.Server.Do(turn => world.Server.Core!.Subscribe("#", collector, turn).Dispose());
        string actual = Describe(collector.Found);
        if (actual != expected)
            throw new ViolationException("retained", $"[{actual}], not [{expected}]");
    }

    /// <summary>Clears everything, as an embedding program does.</summary>
    public static void Clear(World world)
    {
        foreach (string topic in world.Model.State.RetainedNow.Select(publication => publication.Topic).ToArray())
        {
            world.Model.Clear(topic);
            var message = new Message(System.Text.Encoding.UTF8.GetBytes(topic), qos: Whimbrel.Protocol.QoS.AtLeastOnce, retain: true);
            world.Server.Do(turn => world.Server.Core!.Publish(message, turn));
        }
    }

    private static string Describe(IEnumerable<(string Topic, string Name)> retained) =>
        string.Join(" ", retained.Order().Select(one => $"{one.Topic}={one.Name}"));

    private sealed class Collector : ILocalSubscriber
    {
        public List<(string Topic, string Name)> Found { get; } = [];

        public bool TryDeliver(Message message, bool retained)
        {
            string topic = System.Text.Encoding.UTF8.GetString(message.Topic);
            Found.Add((topic, Publication.NameOf(topic, System.Text.Encoding.UTF8.GetString(message.Payload.Span))));
            return true;
        }
    }
}
