using System.Runtime.CompilerServices;
using Whimbrel.Hosting;

namespace Whimbrel.EndToEnd;

/// <summary>paho-python and MQTT.js: each scenario is a function of the script under clients/ or mqttjs/.</summary>
public class ScriptedClientTests
{
    private static readonly string[] Scenarios = ["wildcards", "qos_with_large_payloads", "retained", "will", "offline_messages_in_order", "shared", "many_retained"];

    public static TheoryData<LinkKind, string, string> All() => new MatrixTheoryData<LinkKind, string, string>([LinkKind.EventLoop, LinkKind.Pipes], ["3", "4", "5"], Scenarios);

    [Theory]
    [MemberData(nameof(All))]
    public async Task Paho_sees_what_it_should(LinkKind links, string version, string scenario)
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(links);
        if (!Directory.Exists("/usr/lib/python3/dist-packages/paho") && Environment.GetEnvironmentVariable("CI") is null)
            Assert.Skip("python3-paho-mqtt is not installed");
        await ExternalProgram.RunAsync("/usr/bin/python3", PathOf("clients/paho_scenarios.py"), broker.Port.ToString(), version, scenario);
    }

    [Theory]
    [MemberData(nameof(All))]
    public async Task Mqtt_js_sees_what_it_should(LinkKind links, string version, string scenario)
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(links);
        if (!Directory.Exists(PathOf("mqttjs/node_modules/mqtt")) && Environment.GetEnvironmentVariable("CI") is null)
            Assert.Skip("MQTT.js is not installed: npm ci in tests/Whimbrel.EndToEnd/mqttjs");
        await ExternalProgram.RunAsync("node", PathOf("mqttjs/scenarios.js"), broker.Port.ToString(), version, scenario);
    }

    private static string PathOf(string file, [CallerFilePath] string thisFile = "") => Path.Combine(Path.GetDirectoryName(thisFile)!, file);
}
