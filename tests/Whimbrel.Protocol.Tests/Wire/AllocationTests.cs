namespace Whimbrel.Protocol.Tests;

public class AllocationTests
{
    [Fact]
    public void Nothing_is_allocated_while_packets_are_cut_parsed_and_refused()
    {
        byte[][] packets3 = [.. Corpus.Version3.Select(Bytes.Of)];
        byte[][] packets5 = [.. Corpus.Version5.Select(Bytes.Of)];
        int parsed = Parse(packets3, packets5);
        long before = GC.GetAllocatedBytesForCurrentThread();
        int again = Parse(packets3, packets5);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.Equal(parsed, again);
        Assert.Equal(0, allocated);
    }

    /// <summary>Parses every packet in every version; many are refused in the versions that they were not made for.</summary>
    private static int Parse(byte[][] packets3, byte[][] packets5)
    {
        int parsed = 0;
        foreach (byte[] packet in packets3)
        {
            parsed += Parse(packet, Wire.V31) + Parse(packet, Wire.V311) + Parse(packet, Wire.V5);
        }

        foreach (byte[] packet in packets5)
        {
            parsed += Parse(packet, Wire.V31) + Parse(packet, Wire.V311) + Parse(packet, Wire.V5);
        }

        return parsed;
    }

    private static int Parse(byte[] packet, ProtocolVersion version) =>
        FrameReader.TryRead(packet, uint.MaxValue, out Frame frame, out _, out _) == FrameStatus.Complete
        && Wire.TryParse(frame, version, out _) ? 1 : 0;
}
