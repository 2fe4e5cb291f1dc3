using Whimbrel.Hosting;

namespace Whimbrel.EndToEnd;

/// <summary>What the users of mosquitto_pub and mosquitto_sub find after the broker was stopped and started again.</summary>
public class RestartTests
{
    public static TheoryData<string> Versions() => ["mqttv31", "mqttv311", "mqttv5"];

    [Theory]
    [MemberData(nameof(Versions))]
    public async Task Sessions_queues_and_retained_messages_are_there_after_a_restart(string version)
    {
        string data = Directory.CreateTempSubdirectory("whimbrel-restart-").FullName;
        try
        {
            string[] session = version == "mqttv5" ? ["-c", "-x", "3600", "-q", "2", "-i", "keeper"] : ["-c", "-q", "2", "-i", "keeper"];
            await using (BrokerUnderTest broker = await BrokerUnderTest.StartAsync(LinkKind.Auto, data: data))
            {
                await using (ExternalProgram first = Subscriber(broker, version, [.. session, "-C", "1"]))
                {
                    while (!broker.HasSubscriber("keeper"))
                        await Task.Yield();
                    await PublishAsync(broker, version, "-t", "home/a", "-m", "online", "-q", "1");
                    Assert.Equal("home/a online", await first.ReadLineAsync());
                    await first.AssertSuccessAsync();
                }

                await PublishAsync(broker, version, "-t", "home/b", "-m", "offline", "-q", "1");
                await PublishAsync(broker, version, "-t", "home/c", "-m", "twice", "-q", "2");
                await PublishAsync(broker, version, "-t", "home/r", "-m", "kept", "-q", "1", "-r");
            }

            await using (BrokerUnderTest broker = await BrokerUnderTest.StartAsync(LinkKind.Auto, data: data))
            {
                await PublishAsync(broker, version, "-t", "home/d", "-m", "later", "-q", "1");
                await using ExternalProgram second = Subscriber(broker, version, [.. session, "-C", "5", "-T", "nothing"]);
                // The subscription again brings the retained message a second time, as one that is retained.
                Assert.Equal(
                    ["home/b offline", "home/c twice", "home/d later", "home/r kept", "home/r kept"],
                    (await second.ReadLinesAsync(5)).Order(StringComparer.Ordinal));
                await using ExternalProgram other = ExternalProgram.Start("mosquitto_sub", ["-h", "127.0.0.1", "-p", broker.Port.ToString(), "-V", version, "-v", "-t", "home/#", "-C", "1"]);
                Assert.Equal("home/r kept", await other.ReadLineAsync());
            }
        }
        finally
        {
            Directory.Delete(data, recursive: true);
        }
    }

    private static ExternalProgram Subscriber(BrokerUnderTest broker, string version, params string[] more) =>
        ExternalProgram.Start("mosquitto_sub", ["-h", "127.0.0.1", "-p", broker.Port.ToString(), "-V", version, "-v", "-t", "home/#", .. more]);

    private static Task PublishAsync(BrokerUnderTest broker, string version, params string[] arguments) =>
        ExternalProgram.RunAsync("mosquitto_pub", ["-h", "127.0.0.1", "-p", broker.Port.ToString(), "-V", version, .. arguments]);
}
