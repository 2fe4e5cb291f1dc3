namespace Whimbrel.Protocol;

/// <summary>The Subscription Identifiers of a PUBLISH's property block, in their order.</summary>
public readonly ref struct SubscriptionIdList(ReadOnlySpan<byte> block)
{
    private readonly ReadOnlySpan<byte> _block = block;

    public Enumerator GetEnumerator() => new(_block);

    public ref struct Enumerator
    {
        private PacketReader _reader;

        internal Enumerator(ReadOnlySpan<byte> block) => _reader = new PacketReader(block);

        /// <summary>1 to 268,435,455.</summary>
        public uint Current { get; private set; }

        public bool MoveNext()
        {
            while (_reader.Remaining > 0 && PropertyDecoder.TryRead(ref _reader, out Property property))
            {
                if (property.Id == PropertyId.SubscriptionIdentifier)
                {
                    Current = property.Number;
                    return true;
                }
            }

            return false;
        }
    }
}
