namespace Whimbrel.Protocol;

/// <summary>One topic filter of a SUBSCRIBE with its options.</summary>
public readonly ref struct SubscriptionRequest(ReadOnlySpan<byte> filter, SubscriptionOptions options)
{
    /// <summary>The whole filter, <c>$share/{ShareName}/</c> included.</summary>
    public ReadOnlySpan<byte> Filter { get; } = filter;

    public SubscriptionOptions Options { get; } = options;
}

/// <summary>The requests of a SUBSCRIBE's payload that a parser has accepted, in their order.</summary>
public readonly ref struct SubscriptionRequests(ReadOnlySpan<byte> payload)
{
    private readonly ReadOnlySpan<byte> _payload = payload;

    public Enumerator GetEnumerator() => new(_payload);

    public ref struct Enumerator
    {
        private PacketReader _reader;

        internal Enumerator(ReadOnlySpan<byte> payload) => _reader = new PacketReader(payload);

        public SubscriptionRequest Current { get; private set; }

        public bool MoveNext()
        {
            if (!_reader.TryReadBinary(out ReadOnlySpan<byte> filter) || !_reader.TryReadByte(out byte options))
            {
                return false;
            }

            Current = new SubscriptionRequest(filter, new SubscriptionOptions(options));
            return true;
        }
    }
}
