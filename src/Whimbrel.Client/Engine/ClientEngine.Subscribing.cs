using Whimbrel.Protocol;

namespace Whimbrel.Client.Engine;

/// <summary>The registry of subscriptions, from which they are made again when the server has forgotten them.</summary>
internal sealed partial class ClientEngine
{
    private const uint IdentifierMax = PacketWriter.VariableByteIntegerMax;

    private readonly Dictionary<string, BrokerSubscription> _subscriptions = [];
    private readonly Dictionary<uint, BrokerSubscription> _byIdentifier = [];
    private readonly Dictionary<ushort, SubscribeTicket> _tickets = [];
    private readonly List<SubscribeTicket> _leaving = [];
    private readonly HashSet<uint> _chosen = [];
    private ISubscriber[] _takers = [];
    private int _tableVersion = 1;
    private uint _lastIdentifier;

    public int SubscriptionCount => _subscriptions.Count;

    /// <summary>
    /// Adds a subscriber. The ticket is answered by the server: at once if there is a connection, else by the next one.
    /// </summary>
    public SubscribeTicket Subscribe(string filter, in SubscriptionTerms terms, ISubscriber subscriber)
    {
        SubscriptionOptions options = terms.Options;
        if (!_subscriptions.TryGetValue(filter, out BrokerSubscription? subscription))
        {
            byte[] encoded = BrokerSubscription.Encode(filter);
            subscription = new BrokerSubscription(filter, encoded, IdentifierFor(encoded, terms.Identifier), terms);
            _subscriptions.Add(filter, subscription);

            // A number of the program's may stand for several filters: its messages are told apart by their topics.
            if (terms.Identifier is null)
                _byIdentifier.Add(subscription.Identifier, subscription);
        }
        else
        {
            if (subscription.Terms.Identifier != terms.Identifier)
                throw new InvalidOperationException($"'{filter}' is subscribed to with another identifier; the server has one subscription for a filter.");
            if (subscription.Options.NoLocal != options.NoLocal || subscription.Options.RetainAsPublished != options.RetainAsPublished)
                throw new InvalidOperationException($"'{filter}' is subscribed to with other options for NoLocal or RetainAsPublished; the server has one subscription for a filter.");
            subscription.Terms = terms with { Options = options.With((QoS)Math.Max((int)subscription.Options.QoS, (int)options.QoS)) };
        }

        bool isWaiting = subscription.Ticket is { Answer.IsCompleted: false };
        subscription.Subscribers = [.. subscription.Subscribers, subscriber];
        subscription.Newcomers = isWaiting ? [.. subscription.Newcomers, subscriber] : [subscriber];
        _tableVersion++;
        if (subscriber.TakesUnclaimed && Array.IndexOf(_takers, subscriber) < 0)
            _takers = [.. _takers, subscriber];
        Claim(subscription, subscriber);
        var ticket = new SubscribeTicket(subscription, isUnsubscribe: false) { Before = isWaiting ? subscription.Ticket : null };
        subscription.Ticket = ticket;
        if (IsConnected)
            Send(ticket);
        return ticket;
    }

    /// <summary>Takes a subscriber out; with the last one the server is told. Null: nothing is to be waited for.</summary>
    public SubscribeTicket? Unsubscribe(string filter, ISubscriber subscriber)
    {
        if (!_subscriptions.TryGetValue(filter, out BrokerSubscription? subscription) || Array.IndexOf(subscription.Subscribers, subscriber) < 0)
            return null;
        subscription.Subscribers = Array.FindAll(subscription.Subscribers, s => s != subscriber);
        subscription.Newcomers = Array.FindAll(subscription.Newcomers, s => s != subscriber);
        _tableVersion++;
        _takers = Array.FindAll(_takers, taker => taker != subscriber);
        if (subscription.Subscribers.Length > 0)
            return null;
        Remove(subscription);
        return IsConnected || _hasSession ? Leave(subscription) : null;
    }

    /// <summary>Ends a subscription that nobody here has, so that only the server may know it.</summary>
    /// <exception cref="InvalidOperationException">Somebody here has it.</exception>
    public SubscribeTicket Leave(string filter, byte[] userProperties) => _subscriptions.ContainsKey(filter)
        ? throw new InvalidOperationException($"'{filter}' is subscribed to by this client; disposing of the subscription ends it.")
        : Leave(new BrokerSubscription(filter, BrokerSubscription.Encode(filter), 0, new SubscriptionTerms(default, UserProperties: userProperties)));

    private SubscribeTicket Leave(BrokerSubscription subscription)
    {
        var ticket = new SubscribeTicket(subscription, isUnsubscribe: true);
        if (IsConnected)
            Send(ticket);
        else
            _leaving.Add(ticket);
        return ticket;
    }

    /// <summary>Everybody who waits for an answer gets none.</summary>
    public void FailTickets(Exception exception)
    {
        foreach (BrokerSubscription subscription in _subscriptions.Values)
            subscription.Ticket?.Fail(exception);
        foreach (SubscribeTicket ticket in _leaving)
            ticket.Fail(exception);
        _leaving.Clear();
    }

    private void Remove(BrokerSubscription subscription)
    {
        _subscriptions.Remove(subscription.Filter);
        if (subscription.Terms.Identifier is null)
            _byIdentifier.Remove(subscription.Identifier);
    }

    /// <summary>
    /// After CONNACK: everything if the server knows nothing, else only what it has not answered. One packet a filter, because an identifier
    /// belongs to a packet; all leave in one piece.
    /// </summary>
    private void SubscribeAgain(bool isNewSession)
    {
        foreach (BrokerSubscription subscription in _subscriptions.Values)
        {
            bool isOpen = subscription.Ticket is { Answer.IsCompleted: false };
            if (!isOpen && !isNewSession)
                continue;
            if (!isOpen)
            {
                subscription.Ticket = new SubscribeTicket(subscription, isUnsubscribe: false) { IsRenewal = true };
                subscription.Newcomers = subscription.Subscribers;
            }

            Send(subscription.Ticket!);
        }

        foreach (SubscribeTicket ticket in _leaving)
        {
            if (isNewSession || _subscriptions.ContainsKey(ticket.Subscription.Filter))
                ticket.Complete(ReasonCode.NoSubscriptionExisted);
            else
                Send(ticket);
        }

        _leaving.Clear();
    }

    private void Send(SubscribeTicket ticket)
    {
        ushort id = _window.TakeId(_tickets.ContainsKey);
        _tickets.Add(id, ticket);
        BrokerSubscription subscription = ticket.Subscription;
        byte[] filter = subscription.Encoded;
        if (ticket.IsUnsubscribe)
        {
            byte[] leaving = new byte[UnsubscribePacket.MeasureFilter(filter)];
            var end = new PacketWriter(leaving);
            UnsubscribePacket.EncodeFilter(ref end, filter);
            Output.Write(new UnsubscribePacket { PacketId = id, EncodedFilters = leaving, UserPropertyBlock = subscription.Terms.UserProperties }, Version);
            return;
        }

        byte[] encoded = new byte[SubscribePacket.MeasureFilter(filter)];
        var writer = new PacketWriter(encoded);
        SubscriptionOptions options = subscription.Options;
        if (Version != ProtocolVersion.Mqtt50)
            options = new SubscriptionOptions(options.QoS);
        else if (subscription.IsShared)
            options = new SubscriptionOptions(options.QoS, noLocal: false, options.RetainAsPublished, options.RetainHandling); // [MQTT-3.8.3-4]
        SubscribePacket.EncodeFilter(ref writer, filter, options);
        Output.Write(
            new SubscribePacket
            {
                PacketId = id,
                SubscriptionIdentifier = Server.SubscriptionIdentifiersAvailable ? subscription.Identifier : 0,
                EncodedFilters = encoded,
                UserPropertyBlock = subscription.Terms.UserProperties,
            },
            Version);
    }

    private bool OnSubAck(in Frame frame, out Violation violation)
    {
        if (!SubAckPacket.TryParse(frame, Version, out SubAckPacket packet, out violation))
            return false;
        if (!_tickets.Remove(packet.PacketId, out SubscribeTicket? ticket) || ticket.IsUnsubscribe || packet.ReasonCodes.Length != 1)
        {
            violation = new Violation(ReasonCode.ProtocolError, "a SUBACK that answers no SUBSCRIBE");
            return false;
        }

        var reason = (ReasonCode)packet.ReasonCodes[0];
        BrokerSubscription subscription = ticket.Subscription;
        if (ReasonCodes.IsError(reason) && ReferenceEquals(subscription.Ticket, ticket))
        {
            if (_subscriptions.TryGetValue(subscription.Filter, out BrokerSubscription? current) && ReferenceEquals(current, subscription))
            {
                Remove(subscription);
                _tableVersion++;
            }

            _host.SubscriptionRefused(subscription, reason, ticket.IsRenewal);
        }

        for (SubscribeTicket? one = ticket; one is not null; one = one.Before)
            one.Complete(reason);
        return true;
    }

    private bool OnUnsubAck(in Frame frame, out Violation violation)
    {
        if (!UnsubAckPacket.TryParse(frame, Version, out UnsubAckPacket packet, out violation))
            return false;
        if (_tickets.Remove(packet.PacketId, out SubscribeTicket? ticket))
            ticket.Complete(packet.ReasonCodes.IsEmpty ? ReasonCode.Success : (ReasonCode)packet.ReasonCodes[0]);
        return true;
    }

    private ISubscriber[] Match(byte[] topic)
    {
        List<ISubscriber>? found = null;
        foreach (BrokerSubscription subscription in _subscriptions.Values)
        {
            if (TopicFilter.Matches(subscription.Pattern, topic))
                Gather(ref found, subscription.Subscribers);
        }

        return found is null ? [] : [.. found];
    }

    /// <summary>A subscriber with several filters gets one copy, however many of them match.</summary>
    private static void Gather(ref List<ISubscriber>? found, ISubscriber[] subscribers)
    {
        found ??= [];
        foreach (ISubscriber subscriber in subscribers)
        {
            if (!found.Contains(subscriber))
                found.Add(subscriber);
        }
    }

    /// <summary>
    /// With a session that outlives the process, the identifier is drawn from the filter: what the server kept for a subscription of the
    /// process before bears an identifier that means the same now. Else small numbers, which are shorter on the wire.
    /// </summary>
    private uint IdentifierFor(byte[] filter, uint? chosen)
    {
        if (chosen is { } own)
        {
            if (own is 0 or > IdentifierMax || _byIdentifier.ContainsKey(own))
                throw new InvalidOperationException($"{own} is not from 1 to {IdentifierMax}, or the client has given it to another subscription.");
            _chosen.Add(own);
            return own;
        }

        uint identifier;
        if (_options.HasLastingSession)
        {
            uint hash = 2166136261;
            foreach (byte b in filter)
                hash = (hash ^ b) * 16777619;
            identifier = 1 + (hash % IdentifierMax);
        }
        else
        {
            identifier = ++_lastIdentifier;
        }

        while (_byIdentifier.ContainsKey(identifier) || identifier == 0 || _chosen.Contains(identifier))
            identifier = (identifier % IdentifierMax) + 1;
        return identifier;
    }
}
