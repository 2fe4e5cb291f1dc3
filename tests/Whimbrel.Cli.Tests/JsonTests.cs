using System.Text.Json;
using Whimbrel.Protocol;

namespace Whimbrel.Cli.Tests;

public class JsonTests
{
    [Fact]
    public void A_message_has_mosquitto_s_keys_in_mosquitto_s_order() => Assert.Equal(
        """{"tst":"2024-02-09T15:04:05.678000+0130","topic":"home/kitchen","qos":1,"retain":0,"payloadlen":4,"mid":77,"payload":"21.5"}""",
        new Sample().In("%j"));

    [Fact]
    public void A_message_of_QoS_0_has_no_mid() =>
        Assert.DoesNotContain("mid", new Sample { QoS = QoS.AtMostOnce }.In("%j"), StringComparison.Ordinal);

    [Fact]
    public void Properties_stand_under_their_names()
    {
        var sample = new Sample
        {
            TopicAlias = 2,
            Expiry = 60,
            SubscriptionIds = [5],
            IsText = false,
            Retain = true,
            Texts = [(PropertyId.ContentType, "text/plain"u8.ToArray()), (PropertyId.CorrelationData, "ab"u8.ToArray()), (PropertyId.ResponseTopic, "r/t"u8.ToArray())],
            UserProperties = [("a", "1"), ("b", "2"), ("a", "3")],
        };
        using var document = JsonDocument.Parse(sample.In("%j")!);
        var properties = document.RootElement.GetProperty("properties");
        Assert.Equal(1, document.RootElement.GetProperty("retain").GetInt32());
        Assert.Equal(
            """{"topic-alias":2,"subscription-identifier":5,"user-properties":{"a":["1","3"],"b":"2"},"content-type":"text/plain","correlation-data":"ab","response-topic":"r/t","payload-format-indicator":0,"message-expiry-interval":60}""",
            properties.GetRawText());
    }

    [Fact]
    public void Several_subscription_identifiers_are_a_list() =>
        Assert.Contains("\"subscription-identifier\":[5,6]", new Sample { SubscriptionIds = [5, 6] }.In("%j"), StringComparison.Ordinal);

    [Fact]
    public void Text_is_escaped_and_stays_readable() => Assert.EndsWith(
        """
        "payload":"a\"b\\c\nä<'>"}
        """,
        new Sample { Payload = "a\"b\\c\nä<'>"u8.ToArray() }.In("%j"),
        StringComparison.Ordinal);

    [Fact]
    public void A_payload_that_is_not_text_stands_there_in_base64_too()
    {
        using var document = JsonDocument.Parse(new Sample { Payload = [0xFF, 0x00, 0x41] }.In("%j")!);
        Assert.Equal("\uFFFD\0A", document.RootElement.GetProperty("payload").GetString());
        Assert.Equal([0xFF, 0x00, 0x41], document.RootElement.GetProperty("payload_base64").GetBytesFromBase64());
    }

    [Fact]
    public void A_payload_of_JSON_goes_in_as_it_is() => Assert.EndsWith(
        "\"payload\":{\"t\": 27.0}}", new Sample { Payload = "{\"t\": 27.0}"u8.ToArray() }.In("%J"), StringComparison.Ordinal);

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("{} {}")]
    [InlineData("text")]
    public void A_payload_that_is_not_JSON_is_refused_where_JSON_is_asked_for(string payload) =>
        Assert.Null(new Sample { Payload = System.Text.Encoding.UTF8.GetBytes(payload) }.In("%t %J"));

    [Fact]
    public void Pretty_is_indented() => Assert.Contains("\n  \"topic\": \"home/kitchen\",", new Sample().In("%j", pretty: true), StringComparison.Ordinal);
}
