using System.Threading.Channels;

namespace Whimbrel.EndToEnd.Client.Guide;

/// <summary>The console of a snippet: what is written waits for the test.</summary>
internal sealed class Screen
{
    private readonly Channel<string> _lines = Channel.CreateUnbounded<string>();
    private int _left = int.MaxValue;

    /// <summary>Like a pipe whose reader has gone: the last of so many lines still arrives, and its writer is told. It ends loops that have no end.</summary>
    public void CloseAfter(int lines) => _left = lines;

    public void WriteLine(string line)
    {
        _lines.Writer.TryWrite(line);
        if (Interlocked.Decrement(ref _left) == 0)
            throw new EndOfStreamException("nobody reads any more");
    }

    public Task<string> NextAsync() => _lines.Reader.ReadAsync().AsTask().WaitAsync(GuideTests.Limit);
}
