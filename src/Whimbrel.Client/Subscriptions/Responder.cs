using System.Text;

namespace Whimbrel.Client.Subscriptions;

/// <summary>Answers requests, each once: one that comes again while its answer is remembered gets the same answer.</summary>
internal sealed class Responder(IMqttClient client, Func<MqttMessage, CancellationToken, ValueTask<MqttResponse>> handler, int rememberedMax)
{
    /// <summary>The user property that says that the request failed, and why.</summary>
    public const string ErrorProperty = "error";

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Task<MqttResponse>> _answers = [];
    private readonly Queue<string> _order = new();

    /// <exception cref="MqttException">The message names no topic for its answer.</exception>
    public async ValueTask HandleAsync(MqttMessage message, CancellationToken stopping)
    {
        MqttPublishRequest answer;
        if (message.ResponseTopic is { } topic)
            answer = To(topic, message, await AnswerOnceAsync($"{topic}\n{Convert.ToHexString(message.CorrelationData.Span)}", message, stopping).ConfigureAwait(false));
        else if (TopicRequest.TryParse(message.Topic, out TopicRequest request))
            answer = To(request, await AnswerOnceAsync(request.ResponseTopic, message.For(request.Topic), stopping).ConfigureAwait(false));
        else
            throw new MqttException($"The message for '{message.Topic}' is no request: it names no topic for its answer.");
        await client.PublishAsync(answer, stopping).ConfigureAwait(false);
    }

    private static MqttPublishRequest To(string topic, MqttMessage request, MqttResponse response) => new()
    {
        Topic = topic,
        Payload = response.Payload,
        QoS = MqttQoS.AtLeastOnce,
        CorrelationData = request.CorrelationData,
        ContentType = response.ContentType,
        PayloadIsText = response.PayloadIsText,
        UserProperties = response.Error is null ? response.UserProperties : [.. response.UserProperties, new(ErrorProperty, response.Error)],
        Expiry = request.ExpiresAt is null ? null : TimeSpan.FromSeconds(60),
    };

    private static MqttPublishRequest To(in TopicRequest request, MqttResponse response) => new()
    {
        Topic = response.Error is null ? request.ResponseTopic : request.ErrorTopic,
        Payload = response.Error is null ? response.Payload : Encoding.UTF8.GetBytes(response.Error),
        QoS = MqttQoS.AtLeastOnce,
    };

    private async ValueTask<MqttResponse> AnswerOnceAsync(string key, MqttMessage request, CancellationToken stopping)
    {
        var answering = new TaskCompletionSource<MqttResponse>(TaskCreationOptions.RunContinuationsAsynchronously);
        Task<MqttResponse>? known;
        lock (_lock)
        {
            if (!_answers.TryGetValue(key, out known))
            {
                _answers.Add(key, answering.Task);
                _order.Enqueue(key);
                while (_order.Count > rememberedMax)
                    _answers.Remove(_order.Dequeue());
            }
        }

        if (known is null)
            answering.SetResult(await AnswerAsync(request, stopping).ConfigureAwait(false));
        return await (known ?? answering.Task).ConfigureAwait(false);
    }

    private async ValueTask<MqttResponse> AnswerAsync(MqttMessage request, CancellationToken stopping)
    {
        try
        {
            return await handler(request, stopping).ConfigureAwait(false);
        }
#pragma warning disable CA1031 // Whatever the handler throws, the requester must not wait for it in vain.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            return new MqttResponse { Error = exception.Message };
        }
    }
}
