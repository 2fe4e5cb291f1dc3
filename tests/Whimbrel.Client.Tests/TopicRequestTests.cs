using Whimbrel.Client.Subscriptions;

namespace Whimbrel.Client.Tests;

/// <summary>Requests that have who asks and the correlation in their topic.</summary>
public class TopicRequestTests
{
    [Theory]
    [InlineData("svc/add/$request/esp/1", "svc/add", "esp", "1")]
    [InlineData("$request/$request/esp/1", "$request", "esp", "1")]
    [InlineData("a/$request/b/$request/esp/1", "a/$request/b", "esp", "1")]
    public void A_request_is_what_stands_below_the_last_mark(string topic, string asked, string requester, string correlation)
    {
        Assert.True(TopicRequest.TryParse(topic, out TopicRequest request));
        Assert.Equal(new TopicRequest(asked, requester, correlation), request);
        Assert.Equal(topic, request.RequestTopic);
    }

    [Theory]
    [InlineData("svc/add")]
    [InlineData("svc/add/$request")]
    [InlineData("svc/add/$request/esp")]
    [InlineData("svc/add/$request/esp/")]
    [InlineData("svc/add/$request//1")]
    [InlineData("svc/add/$request/esp/1/2")]
    [InlineData("/$request/esp/1")]
    [InlineData("$request/esp/1")]
    public void A_topic_without_all_of_it_is_none(string topic) => Assert.False(TopicRequest.TryParse(topic, out _));

    [Fact]
    public void An_answer_bears_the_key_of_its_request()
    {
        UInt128 key = new(0x0123456789abcdef, 42);
        var request = new TopicRequest("svc", TopicRequest.LevelOf("a/+#$b"), TopicRequest.CorrelationOf(key));
        Assert.Equal("whimbrel/responses/a%2F%2B%23%24b/0123456789abcdef000000000000002a", request.ResponseTopic);
        Assert.True(TopicRequest.TryParseAnswer(request.ResponseTopic, out UInt128 answered));
        Assert.Equal(key, answered);
        Assert.True(TopicRequest.TryParseAnswer(request.ErrorTopic, out UInt128 failed));
        Assert.Equal(key, failed);
        Assert.False(TopicRequest.TryParseAnswer("whimbrel/responses/a/no-number", out _));
    }
}
