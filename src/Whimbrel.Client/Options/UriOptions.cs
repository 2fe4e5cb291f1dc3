using System.Globalization;
using Whimbrel.Client.Transports;

namespace Whimbrel.Client;

/// <summary>What a URI's query may say about the client.</summary>
internal static class UriOptions
{
    public static void Apply(List<Endpoint> endpoints, MqttClientOptions options)
    {
        foreach (KeyValuePair<string, string> pair in endpoints.SelectMany(endpoint => endpoint.Query).Distinct())
        {
            switch (pair.Key)
            {
                case "clientId":
                    options.ClientId = pair.Value;
                    break;
                case "keepAlive":
                    options.KeepAlive = Seconds(pair);
                    break;
                case "sessionExpiry":
                    options.SessionExpiry = Seconds(pair);
                    break;
                case "cleanStart":
                    options.CleanStart = bool.TryParse(pair.Value, out bool isClean)
                        ? isClean
                        : throw new FormatException($"cleanStart is true or false, not '{pair.Value}'.");
                    break;
                case "version":
                    options.ProtocolVersion = pair.Value switch
                    {
                        "5" or "5.0" => MqttProtocolVersion.Mqtt50,
                        "4" or "3.1.1" => MqttProtocolVersion.Mqtt311,
                        "3" or "3.1" => MqttProtocolVersion.Mqtt31,
                        _ => throw new FormatException($"version is 5.0, 3.1.1 or 3.1, not '{pair.Value}'."),
                    };
                    break;
                default:
                    throw new FormatException($"'{pair.Key}' is not an option of an address; clientId, keepAlive, sessionExpiry, cleanStart and version are.");
            }
        }
    }

    private static TimeSpan Seconds(KeyValuePair<string, string> pair) =>
        uint.TryParse(pair.Value, NumberStyles.None, CultureInfo.InvariantCulture, out uint seconds)
            ? TimeSpan.FromSeconds(seconds)
            : throw new FormatException($"{pair.Key} is a number of seconds, not '{pair.Value}'.");
}
