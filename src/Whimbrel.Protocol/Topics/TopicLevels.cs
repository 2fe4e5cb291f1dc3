namespace Whimbrel.Protocol;

/// <summary>
/// Walks over the levels of a topic name or filter. Empty levels count: "/a" has two levels and "/" has two empty ones.
/// </summary>
public ref struct TopicLevels(ReadOnlySpan<byte> topic)
{
    private ReadOnlySpan<byte> _rest = topic;
    private bool _ended;

    public ReadOnlySpan<byte> Current { get; private set; }

    public readonly TopicLevels GetEnumerator() => this;

    public bool MoveNext()
    {
        if (_ended)
        {
            return false;
        }

        int slash = _rest.IndexOf((byte)'/');
        if (slash < 0)
        {
            Current = _rest;
            _ended = true;
            return true;
        }

        Current = _rest[..slash];
        _rest = _rest[(slash + 1)..];
        return true;
    }
}
