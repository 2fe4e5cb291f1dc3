// The server of MQTTnet with nothing around it, to compare with: MqttNetHost PORT. Runs on loopback until SIGINT or SIGTERM.
using System.Globalization;
using System.Net;
using System.Runtime.InteropServices;
using MQTTnet.Server;

int port = int.Parse(args[0], CultureInfo.InvariantCulture);
var factory = new MqttServerFactory();
MqttServerOptions options = factory.CreateServerOptionsBuilder()
    .WithDefaultEndpoint()
    .WithDefaultEndpointBoundIPAddress(IPAddress.Loopback)
    .WithDefaultEndpointPort(port)
    .WithPersistentSessions()
    // It drops the oldest above 250: a measurement would count what never arrives.
    .WithMaxPendingMessagesPerClient(1_000_000)
    .Build();
options.DefaultEndpointOptions.ConnectionBacklog = 4096;
using MqttServer server = factory.CreateMqttServer(options);
using var stopping = new ManualResetEventSlim();
using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
await server.StartAsync();
stopping.Wait();

void Stop(PosixSignalContext signal)
{
    signal.Cancel = true;
    stopping.Set();
}
