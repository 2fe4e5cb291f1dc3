// A worker that carries its own broker: devices publish temperatures to it, and it answers in the same process.
//   dotnet run --project samples/EmbeddedBroker
//   mosquitto_sub -t 'home/+/alarm' &   mosquitto_pub -t home/kitchen/temp -m 31
using System.Globalization;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Whimbrel.Hosting;
using Whimbrel.Protocol;

HostApplicationBuilder builder = Host.CreateApplicationBuilder(args);
builder.Services.AddWhimbrel(options => options.Listen.Add("mqtt://127.0.0.1:1883"));
builder.Services.AddHostedService<Thermostat>();
await builder.Build().RunAsync();

internal sealed class Thermostat(IWhimbrelBroker broker) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await foreach (ReceivedMessage message in broker.SubscribeAsync("home/+/temp", cancellationToken: stoppingToken))
        {
            string text = Encoding.UTF8.GetString(message.Payload.Span);
            if (!double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double celsius) || celsius < 30)
                continue;
            string alarm = message.Topic.Replace("/temp", "/alarm", StringComparison.Ordinal);
            await broker.PublishAsync(alarm, Encoding.UTF8.GetBytes($"{celsius:F1} °C"), QoS.AtLeastOnce, cancellationToken: stoppingToken);
        }
    }
}
