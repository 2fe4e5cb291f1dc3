using Microsoft.Extensions.Logging;

namespace Whimbrel.Hosting;

/// <summary>
/// A listening socket. The loop that it is in accepts; the new links go to all loops in turn. When descriptors run out it says so once,
/// closes the connections that it cannot keep, and tries again.
/// </summary>
internal sealed unsafe class Acceptor : IDisposable
{
    private const int AcceptsMax = 64;
    private const int PauseMilliseconds = 100;

    // Trouble is over when it has not come back for this long; so there is one pair of log lines and not thousands.
    private const int EpisodeMilliseconds = 10_000;

    private readonly ListenerIdentity _listener;
    private readonly ILogger _logger;
    private readonly Action<int, PeerAddress, ListenerIdentity> _accepted;
    private readonly DescriptorBudget _budget = DescriptorBudget.OfProcess();
    private Epoll? _epoll;
    private ulong _token;
    private int _reserve;
    private long _troubleAt;
    private long _pausedUntil;
    private long _refused;

    /// <param name="descriptor">A listening socket, owned from here on.</param>
    /// <param name="listener">What its links share.</param>
    /// <param name="accepted">Takes the new descriptor, the peer and the listener.</param>
    /// <param name="logger">Hears of trouble.</param>
    public Acceptor(int descriptor, ListenerIdentity listener, Action<int, PeerAddress, ListenerIdentity> accepted, ILogger logger)
    {
        Descriptor = descriptor;
        _listener = listener;
        _accepted = accepted;
        _logger = logger;
        _reserve = Libc.Open("/dev/null");
    }

    public int Descriptor { get; }

    /// <summary>True while the loop must call <see cref="OnTick"/>.</summary>
    public bool IsInTrouble { get; private set; }

    /// <summary>Has the loop call <see cref="OnReadable"/>.</summary>
    public void Register(Epoll epoll, ulong token)
    {
        _epoll = epoll;
        _token = token;
        epoll.Add(Descriptor, Epoll.In, token);
    }

    public void OnReadable(long nowMilliseconds)
    {
        byte* address = stackalloc byte[PeerAddress.SocketAddressBytesMax];
        for (int i = 0; i < AcceptsMax; i++)
        {
            int length = PeerAddress.SocketAddressBytesMax;
            int result = Libc.Accept(Descriptor, address, &length);
            switch (result)
            {
                case >= 0 when !_budget.Allows(result):
                    Libc.Close(result);
                    BeginTrouble(_budget.Cause, nowMilliseconds);
                    _refused++;
                    break;
                case >= 0:
                    _accepted(result, new PeerAddress(new ReadOnlySpan<byte>(address, Math.Min(length, PeerAddress.SocketAddressBytesMax))), _listener);
                    break;
                case -Errno.TryAgain:
                    return;
                default:
                    if (Errno.IsOfConnection(-result))
                        break;
                    Pause(-result, nowMilliseconds);
                    return;
            }
        }
    }

    public void OnTick(long nowMilliseconds)
    {
        if (!IsInTrouble)
            return;
        if (nowMilliseconds - _troubleAt >= EpisodeMilliseconds)
        {
            IsInTrouble = false;
            HostingLog.AcceptRecovered(_logger, _listener.Uri, _refused);
            return;
        }

        if (nowMilliseconds >= _pausedUntil)
        {
            _epoll!.Change(Descriptor, Epoll.In, _token);
            OnReadable(nowMilliseconds);
        }
    }

    public void Dispose()
    {
        Libc.Close(Descriptor);
        if (_reserve >= 0)
            Libc.Close(_reserve);
        _reserve = -1;
    }

    private void Pause(int error, long nowMilliseconds)
    {
        BeginTrouble(Errno.Describe(error), nowMilliseconds);
        _pausedUntil = nowMilliseconds + PauseMilliseconds;
        _epoll!.Change(Descriptor, 0, _token);

        // Better a close that the client sees than a connection that nobody answers: one descriptor is kept for this.
        for (int i = 0; i < AcceptsMax && _reserve >= 0; i++)
        {
            Libc.Close(_reserve);
            int length = 0;
            int taken = Libc.Accept(Descriptor, null, &length);
            if (taken >= 0)
            {
                Libc.Close(taken);
                _refused++;
            }

            _reserve = Libc.Open("/dev/null");
            if (taken < 0)
                return;
        }

        if (_reserve < 0)
            _reserve = Libc.Open("/dev/null");
    }

    private void BeginTrouble(string cause, long nowMilliseconds)
    {
        _troubleAt = nowMilliseconds;
        if (IsInTrouble)
            return;
        IsInTrouble = true;
        _refused = 0;
        HostingLog.AcceptFailing(_logger, _listener.Uri, cause);
    }
}
