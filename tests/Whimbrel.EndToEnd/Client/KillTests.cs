using System.Diagnostics;
using System.Globalization;
using Whimbrel.Broker;
using Whimbrel.Client;
using Whimbrel.Hosting;

namespace Whimbrel.EndToEnd.Client;

/// <summary>A process with a durable outbox that is killed at random moments.</summary>
public class KillTests
{
    private const int PerRound = 2000;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private static readonly int Rounds = int.Parse(Environment.GetEnvironmentVariable("WHIMBREL_CLIENT_KILLS") ?? "8", CultureInfo.InvariantCulture);

    [Fact]
    public async Task What_the_outbox_took_over_survives_kill_9_and_no_QoS_2_comes_twice()
    {
        string directory = Directory.CreateTempSubdirectory("whimbrel-outbox-").FullName;
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(
            LinkKind.Pipes, new BrokerOptions { SysIntervalSeconds = 0, OutboxMessagesMax = int.MaxValue, OutboxBytesMax = long.MaxValue });
        await using MqttClient subscriber = ClientTests.New(broker);
        var counts = new Dictionary<string, int>();
        await using MqttSubscription subscription = await subscriber.OpenSubscriptionAsync(
            "v/#",
            (message, _) =>
            {
                lock (counts)
                    counts[message.GetString()] = counts.GetValueOrDefault(message.GetString()) + 1;
                return ValueTask.CompletedTask;
            },
            new MqttSubscribeOptions { QoS = MqttQoS.ExactlyOnce });
        int seed = Random.Shared.Next();
        var random = new Random(seed);
        var taken = new List<int>();
        int kills = 0;
        for (int round = 0; round < Rounds; round++)
        {
            if (await RunAsync(broker.Port, directory, round * PerRound, PerRound, random.Next(1, PerRound), taken))
                continue;
            kills++;
        }

        Assert.True(await RunAsync(broker.Port, directory, Rounds * PerRound, 10, int.MaxValue, taken), "the last run did not finish");
        await using MqttClient last = ClientTests.New(broker);
        var arrived = new TaskCompletionSource();
        await using MqttSubscription end = await subscriber.OpenSubscriptionAsync("v/end", (_, _) =>
        {
            arrived.TrySetResult();
            return ValueTask.CompletedTask;
        }, new MqttSubscribeOptions { QoS = MqttQoS.AtLeastOnce });
        await last.PublishAsync("v/end", "end", MqttQoS.AtLeastOnce);
        await arrived.Task.WaitAsync(Limit);
        await subscription.DisposeAsync();
        string where = $"seed {seed}, {kills} kills, {taken.Count} taken over, {broker.Statistics.DroppedTotal} dropped by the broker";
        lock (counts)
        {
            Assert.All(taken, number => Assert.True(counts.ContainsKey($"{number}"), $"{number} is lost; {where}"));
            foreach ((string number, int count) in counts)
            {
                bool isQoS2 = int.TryParse(number, out int n) && n % 2 == 1;
                Assert.True(!isQoS2 || count == 1, $"{number} came {count} times; {where}");
            }
        }

        Assert.True(kills > 0, "nothing was killed");
        Directory.Delete(directory, recursive: true);
    }

    /// <summary>Runs the victim and kills it after so many lines. True: it came to its end first.</summary>
    private static async Task<bool> RunAsync(int port, string directory, int first, int count, int killAfter, List<int> taken)
    {
        string dll = Path.Combine(AppContext.BaseDirectory.Replace("Whimbrel.EndToEnd", "Whimbrel.ClientVictim", StringComparison.Ordinal), "Whimbrel.ClientVictim.dll");
        using var process = Process.Start(new ProcessStartInfo("dotnet", [dll, $"{port}", Path.Combine(directory, "outbox.db"), $"{first}", $"{count}"]) { RedirectStandardOutput = true })!;
        int lines = 0;
        while (await process.StandardOutput.ReadLineAsync().WaitAsync(Limit) is { } line)
        {
            if (line == "done")
            {
                await process.WaitForExitAsync().WaitAsync(Limit);
                return true;
            }

            taken.Add(int.Parse(line, CultureInfo.InvariantCulture));
            if (++lines == killAfter)
                process.Kill();
        }

        await process.WaitForExitAsync().WaitAsync(Limit);
        return false;
    }
}
