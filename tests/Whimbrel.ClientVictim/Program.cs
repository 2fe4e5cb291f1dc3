using System.Globalization;
using Whimbrel.Client;
using Whimbrel.Client.Outbox;

// Whimbrel.ClientVictim PORT FILE FIRST COUNT: enqueues COUNT numbers from FIRST on, in turn with QoS 1 and 2, and prints each one when the
// client has taken it over. Then it waits until all is delivered and prints "done".
int first = int.Parse(args[2], CultureInfo.InvariantCulture);
int count = int.Parse(args[3], CultureInfo.InvariantCulture);
await using var client = new MqttClient(new MqttClientOptions
{
    Endpoints = { $"mqtt://127.0.0.1:{args[0]}" },
    ClientId = "victim",
    Outbox = { Store = new SqliteOutbox(args[1]) },
});
var enqueued = new Queue<(int Number, Task<MqttDeliveryHandle> Taken)>();
using Stream output = Console.OpenStandardOutput();
for (int number = first; number < first + count || enqueued.Count > 0; number++)
{
    if (number < first + count)
    {
        MqttQoS qos = number % 2 == 0 ? MqttQoS.AtLeastOnce : MqttQoS.ExactlyOnce;
        var request = new MqttPublishRequest { Topic = $"v/{(int)qos}", Payload = System.Text.Encoding.UTF8.GetBytes($"{number}"), QoS = qos };
        enqueued.Enqueue((number, client.EnqueueAsync(request).AsTask()));
    }

    while (enqueued.Count > 64 || (number >= first + count - 1 && enqueued.Count > 0))
    {
        (int taken, Task<MqttDeliveryHandle> done) = enqueued.Dequeue();
        await done;
        output.Write(System.Text.Encoding.ASCII.GetBytes($"{taken}\n"));
    }
}

await client.FlushAsync();
output.Write("done\n"u8);
