using System.Text;
using Whimbrel.Protocol;
using Whimbrel.Storage;

namespace Whimbrel.Cli.Stores;

/// <summary>What of a store is shown: a client's, or what a topic filter matches. Without one everything.</summary>
internal sealed class StoreFilter
{
    private readonly string? _text;
    private readonly byte[]? _pattern;

    public StoreFilter(string? text)
    {
        _text = text;
        if (text is not null && TopicFilter.TryParse(Encoding.UTF8.GetBytes(text), out var filter))
            _pattern = filter.Pattern.ToArray();
    }

    public bool Matches(InspectedSession session) => _text is null || session.ClientId == _text;

    public bool Matches(InspectedMessage message) =>
        _text is null
        || (_pattern is { } pattern && TopicFilter.Matches(pattern, Encoding.UTF8.GetBytes(message.Topic)))
        || message.Receivers.Any(receiver => receiver.ClientId == _text);
}
