using System.Text;
using Whimbrel.Broker;

namespace Whimbrel.Storage;

/// <summary>
/// Gives one string for equal texts that come again soon, such as the publishers of queued messages. Remembers a bounded number and
/// forgets by chance.
/// </summary>
internal sealed class RecentTexts
{
    private const int Slots = 4096;

    private readonly (byte[]? Utf8, string Text)[] _entries = new (byte[]?, string)[Slots];

    public string String(ReadOnlySpan<byte> utf8)
    {
        ref (byte[]? Utf8, string Text) entry = ref _entries[Utf8Comparer.Instance.GetHashCode(utf8) & (Slots - 1)];
        if (entry.Utf8 is null || !utf8.SequenceEqual(entry.Utf8))
            entry = (utf8.ToArray(), Encoding.UTF8.GetString(utf8));
        return entry.Text;
    }
}
