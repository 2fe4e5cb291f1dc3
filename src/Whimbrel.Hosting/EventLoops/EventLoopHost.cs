using System.Net;
using Whimbrel.Broker;

namespace Whimbrel.Hosting;

/// <summary>Carries links on our own event loops. Linux only.</summary>
internal sealed class EventLoopHost : ILinkHost
{
    private readonly EventLoopContext _context;
    private readonly EventLoop[] _loops;
    private int _next;

    /// <param name="context">What the loops share.</param>
    /// <param name="loopCount">How many loops; 0 lets <see cref="LoopCount"/> decide.</param>
    public EventLoopHost(EventLoopContext context, int loopCount)
    {
        _context = context;
        _loops = new EventLoop[LoopCount(loopCount, Environment.ProcessorCount)];
        for (int i = 0; i < _loops.Length; i++)
            _loops[i] = new EventLoop(i, context);
    }

    /// <summary>
    /// One loop up to 4 cores: it moves several hundred thousand messages a second, and a second one makes each message dearer
    /// (work that crosses loops, wake-ups of another core). Above that half of the cores: the kernel's network work, the store and
    /// the rest of the machine need the other half.
    /// </summary>
    public static int LoopCount(int asked, int cores)
    {
        if (asked > 0)
            return asked;
        return cores <= 4 ? 1 : Math.Min(cores / 2, 16);
    }

    public ValueTask<EndPoint> BindAsync(EndPoint endPoint, AckContract ackContract)
    {
        var (descriptor, bound) = ListenSocket.Open(endPoint);
        _loops[0].Add(new Acceptor(descriptor, new ListenerIdentity(ListenEndpoint.Format(bound), ackContract), Adopt, _context.Logger));
        return ValueTask.FromResult(bound);
    }

    public void Start()
    {
        foreach (var loop in _loops)
            loop.Start();
    }

    public void OnSecond(long nowMilliseconds)
    {
        // Each loop looks after its own links.
    }

    public async ValueTask StopAcceptingAsync() => await _loops[0].StopAcceptingAsync().ConfigureAwait(false);

    public async ValueTask StopAsync() => await Task.WhenAll(Array.ConvertAll(_loops, loop => loop.StopAsync())).ConfigureAwait(false);

    // On the thread of the first loop, which has the listeners. Also a link of its own goes through the queue: it is one append.
    private void Adopt(int descriptor, PeerAddress peer, ListenerIdentity listener)
    {
        var loop = _loops[_next];
        _next = (_next + 1) % _loops.Length;
        new EpollLink(loop, descriptor, peer, listener).Post(LinkAttention.Attach);
    }
}
