using System.Diagnostics.CodeAnalysis;

namespace Whimbrel.Client.Subscriptions;

/// <summary>
/// What has come for one subscription and nobody has taken. Bounded for QoS 0, whose oldest message gives way; messages that owe an
/// acknowledgement are always let in, because the connection's receive maximum bounds them. Guarded by its owner's lock.
/// </summary>
internal sealed class MessageQueue(int messagesMax, int bytesMax)
{
    private readonly MessageRing _messages = new();
    private int _bytes;

    public int Count => _messages.Count;

    public long Dropped { get; private set; }

    public bool IsFull => _messages.Count >= messagesMax || _bytes >= bytesMax;

    public bool IsHalfFree => _messages.Count <= messagesMax / 2 && _bytes <= bytesMax / 2;

    /// <summary>Takes a message in. False: another one, or this one, had to go.</summary>
    public bool Add(MqttMessage message)
    {
        bool hasDropped = false;
        if (message.Token == 0)
        {
            while (_messages.Count > 0 && (_messages.Count >= messagesMax || _bytes + message.Size > bytesMax))
            {
                hasDropped = true;
                Dropped++;
                if (!_messages.TryRemoveOldestOfQoS0(out MqttMessage? oldest))
                    return false;
                _bytes -= oldest.Size;
            }
        }

        AddAnyway(message);
        return !hasDropped;
    }

    /// <summary>Takes a message in whatever the bounds say.</summary>
    public void AddAnyway(MqttMessage message)
    {
        _messages.Add(message);
        _bytes += message.Size;
    }

    public bool TryTake([NotNullWhen(true)] out MqttMessage? message)
    {
        if (!_messages.TryTake(out message))
            return false;
        _bytes -= message.Size;
        return true;
    }

    /// <summary>Takes out what the server sends again now that the session goes on: messages of QoS 1 that nobody has begun with.</summary>
    public void RemoveRepeated() => _bytes -= _messages.RemoveAll(static message => message is { Token: not 0, QoS: MqttQoS.AtLeastOnce });

    /// <summary>A ring with holes at most where QoS 0 gave way in the middle.</summary>
    private sealed class MessageRing
    {
        private MqttMessage?[] _ring = new MqttMessage?[16];
        private int _head;
        private int _length;

        public int Count { get; private set; }

        public void Add(MqttMessage message)
        {
            if (_length == _ring.Length)
                Grow();
            _ring[(_head + _length++) & (_ring.Length - 1)] = message;
            Count++;
        }

        public bool TryTake([NotNullWhen(true)] out MqttMessage? message)
        {
            message = null;
            while (_length > 0 && message is null)
            {
                message = _ring[_head];
                _ring[_head] = null;
                _head = (_head + 1) & (_ring.Length - 1);
                _length--;
            }

            if (message is null)
                return false;
            Count--;
            return true;
        }

        public bool TryRemoveOldestOfQoS0([NotNullWhen(true)] out MqttMessage? message)
        {
            for (int i = 0; i < _length; i++)
            {
                ref MqttMessage? place = ref _ring[(_head + i) & (_ring.Length - 1)];
                if (place is { Token: 0 })
                {
                    message = place;
                    place = null;
                    Count--;
                    TrimHead();
                    return true;
                }
            }

            message = null;
            return false;
        }

        /// <summary>Removes what matches; the bytes that are gone.</summary>
        public int RemoveAll(Predicate<MqttMessage> match)
        {
            int bytes = 0;
            for (int i = 0; i < _length; i++)
            {
                ref MqttMessage? place = ref _ring[(_head + i) & (_ring.Length - 1)];
                if (place is null || !match(place))
                    continue;
                bytes += place.Size;
                place = null;
                Count--;
            }

            TrimHead();
            return bytes;
        }

        private void TrimHead()
        {
            while (_length > 0 && _ring[_head] is null)
            {
                _head = (_head + 1) & (_ring.Length - 1);
                _length--;
            }
        }

        private void Grow()
        {
            var larger = new MqttMessage?[_ring.Length * 2];
            int to = 0;
            for (int i = 0; i < _length; i++)
            {
                if (_ring[(_head + i) & (_ring.Length - 1)] is { } message)
                    larger[to++] = message;
            }

            (_ring, _head, _length) = (larger, 0, to);
        }
    }
}
