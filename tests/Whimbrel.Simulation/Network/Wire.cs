namespace Whimbrel.Simulation;

/// <summary>A network connection between a client and the broker, with the ways in which it can end.</summary>
internal sealed class Wire
{
    private readonly World _world;
    private bool _clientKnows;
    private bool _serverKnows;

    public Wire(World world, string client)
    {
        _world = world;
        Client = client;
        ToServer = new Pipe(world);
        ToClient = new Pipe(world);
    }

    public string Client { get; }

    public Pipe ToServer { get; }

    public Pipe ToClient { get; }

    /// <summary>The client's side is told that the connection is gone.</summary>
    public Action ClientLost { get; set; } = static () => { };

    /// <summary>The broker's side is told that the connection is gone.</summary>
    public Action ServerLost { get; set; } = static () => { };

    public bool IsCut { get; private set; }

    /// <summary>Either side has been told of the end, or has made it.</summary>
    public bool IsOver => _clientKnows && _serverKnows;

    /// <summary>The network breaks: each side learns of it in its own time, and until then talks to nobody.</summary>
    public void Cut(long clientLearnsIn, long serverLearnsIn)
    {
        if (IsCut)
            return;
        IsCut = true;
        ToServer.Cut();
        ToClient.Cut();
        _world.Agenda.In(clientLearnsIn, TellClient);
        _world.Agenda.In(serverLearnsIn, TellServer);
    }

    /// <summary>The broker's process is gone: what it sent before may still arrive.</summary>
    public void ServerDied()
    {
        _serverKnows = true;
        ToServer.Cut();
        ToClient.Ended = TellClient;
        ToClient.End();
        // A client that does not read notices all the same.
        _world.Agenda.In(3000, TellClient);
    }

    /// <summary>The client closes; what it said arrives.</summary>
    public void ClientCloses()
    {
        _clientKnows = true;
        ToClient.Cut();
        ToServer.Ended = TellServer;
        ToServer.End();
        // A broker that does not read on notices all the same, some time.
        _world.Agenda.In(5000, TellServer);
    }

    /// <summary>The broker closes; what it said arrives.</summary>
    public void ServerCloses()
    {
        _serverKnows = true;
        ToServer.Cut();
        ToClient.Ended = TellClient;
        ToClient.End();
        _world.Agenda.In(3000, TellClient);
    }

    private void TellClient()
    {
        if (_clientKnows)
            return;
        _clientKnows = true;
        ToClient.Cut();
        ClientLost();
    }

    private void TellServer()
    {
        if (_serverKnows)
            return;
        _serverKnows = true;
        ToServer.Cut();
        ServerLost();
    }
}
