using Whimbrel.Broker;

namespace Whimbrel.Hosting;

/// <summary>
/// Decides which drops get a log line: the first of a client and reason, and then one with the count for every ten seconds in which
/// there were more. Thread-safe.
/// </summary>
internal sealed class DropEpisodes
{
    public const int EpisodeMilliseconds = 10_000;

    // So many clients may have an episode of their own; what comes beyond shares one per reason.
    private const int EpisodesMax = 1000;

    private readonly Lock _lock = new();
    private readonly Dictionary<(string? ClientId, DropReason Reason), Episode> _episodes = [];

    /// <summary>Counts drops. True if they begin an episode and are to be written now.</summary>
    public bool IsFirst(string? clientId, DropReason reason, int count, long nowMilliseconds)
    {
        lock (_lock)
        {
            var key = (clientId, reason);
            if (!_episodes.TryGetValue(key, out var episode))
            {
                if (_episodes.Count >= EpisodesMax)
                {
                    key = ("(others)", reason);
                    _episodes.TryGetValue(key, out episode);
                }

                if (episode is null)
                {
                    _episodes[key] = new Episode { EndsAt = nowMilliseconds + EpisodeMilliseconds };
                    return true;
                }
            }

            episode.More += count;
            return false;
        }
    }

    /// <summary>The episodes that are over and had more than their first line; those begin anew, the quiet ones are forgotten.</summary>
    public List<(string? ClientId, DropReason Reason, long Count)> TakeEnded(long nowMilliseconds)
    {
        var ended = new List<(string?, DropReason, long)>();
        lock (_lock)
        {
            foreach (var (key, episode) in _episodes)
            {
                if (episode.EndsAt > nowMilliseconds)
                    continue;
                if (episode.More == 0)
                    _episodes.Remove(key);
                else
                    ended.Add((key.ClientId, key.Reason, episode.More));
                episode.More = 0;
                episode.EndsAt = nowMilliseconds + EpisodeMilliseconds;
            }
        }

        return ended;
    }

    private sealed class Episode
    {
        public long EndsAt { get; set; }

        public long More { get; set; }
    }
}
