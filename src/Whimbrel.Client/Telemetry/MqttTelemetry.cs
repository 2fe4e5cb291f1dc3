namespace Whimbrel.Client;

/// <summary>Where listeners find what clients tell of themselves: traces and metrics, named by OpenTelemetry's messaging conventions.</summary>
public static class MqttTelemetry
{
    /// <summary>What a tracer provider's <c>AddSource</c> takes.</summary>
    public const string ActivitySourceName = "Whimbrel.Client";

    /// <summary>What a meter provider's <c>AddMeter</c> takes.</summary>
    public const string MeterName = "Whimbrel.Client";

    /// <summary>The log category that has every packet at the level Trace, without payloads and secrets.</summary>
    public const string PacketLogCategory = "Whimbrel.Client.Packets";
}
