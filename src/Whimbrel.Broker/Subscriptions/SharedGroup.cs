namespace Whimbrel.Broker;

/// <summary>
/// One shared subscription (<c>$share/name/filter</c>): each message goes to one member [MQTT-4.8.2-4]. Online members come first, the
/// one with the most free window among them; ties go round.
/// </summary>
/// <remarks>Members change under the tree's lock; choosing takes none and looks at what the members' gates last published.</remarks>
internal sealed class SharedGroup
{
    private Subscription[] _members = [];
    private int _turn;

    /// <param name="filter">The whole filter.</param>
    /// <param name="pattern">What of it topics are matched against; nothing for a group that never stands in the tree.</param>
    public SharedGroup(string filter, ReadOnlySpan<byte> pattern = default)
    {
        Filter = filter;
        Entry = new Subscription(pattern, this);
    }

    public string Filter { get; }

    /// <summary>What stands in the tree for the whole group.</summary>
    public Subscription Entry { get; }

    /// <summary>The first member that satisfies a condition, or null.</summary>
    public Subscription? Find(Predicate<Subscription> condition) => Array.Find(Volatile.Read(ref _members), condition);

    /// <summary>Whether there is any member but <paramref name="gate"/>.</summary>
    public bool HasOther(SessionGate gate) => Array.Exists(Volatile.Read(ref _members), member => !ReferenceEquals(member.Subscriber, gate));

    /// <summary>Whether anybody but <paramref name="gate"/> could take a message now.</summary>
    public bool HasOtherOnline(SessionGate gate)
    {
        foreach (Subscription member in Volatile.Read(ref _members))
        {
            if (!ReferenceEquals(member.Subscriber, gate) && member.Subscriber!.Availability >= 0)
                return true;
        }

        return false;
    }

    /// <summary>
    /// The member for the next message, or null when there is none. <paramref name="attempt"/> counts up when the one chosen before
    /// turned out to have gone.
    /// </summary>
    public Subscription? Choose(int attempt)
    {
        Subscription[] members = Volatile.Read(ref _members);
        if (members.Length == 0)
            return null;
        int start = (int)((uint)Interlocked.Increment(ref _turn) % (uint)members.Length) + attempt;
        Subscription? best = null;
        int bestAvailability = int.MinValue;
        for (int i = 0; i < members.Length; i++)
        {
            Subscription member = members[(start + i) % members.Length];
            int availability = member.Subscriber!.Availability;
            if (availability > bestAvailability)
            {
                best = member;
                bestAvailability = availability;
            }
        }

        return best;
    }

    public void Join(Subscription member) => Volatile.Write(ref _members, [.. _members, member]);

    /// <returns>True when the last member has left.</returns>
    public bool Leave(Subscription member)
    {
        Volatile.Write(ref _members, Array.FindAll(_members, other => !ReferenceEquals(other, member)));
        return _members.Length == 0;
    }
}
