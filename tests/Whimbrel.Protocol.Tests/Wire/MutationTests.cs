using System.Buffers;
using System.Diagnostics;

namespace Whimbrel.Protocol.Tests;

/// <summary>
/// Hostile bytes: valid packets of every type, damaged. Nothing throws, nothing runs on, and what still parses can be
/// measured and written in no more bytes than it came in, saying the same.
/// </summary>
/// <remarks>Two seconds in CI; WHIMBREL_FUZZ_SECONDS=3600 goes on for that long.</remarks>
public class MutationTests
{
    private const int Cases = 200_000;

    [Fact]
    public void Damaged_packets_are_parsed_or_refused_and_nothing_else()
    {
        var random = new Random(20_260_101);
        byte[][] seeds = Seeds();
        int accepted = 0;
        int refused = 0;
        int seconds = int.TryParse(Environment.GetEnvironmentVariable("WHIMBREL_FUZZ_SECONDS"), out int asked) ? asked : 0;
        long started = Stopwatch.GetTimestamp();
        for (int i = 0; i < Cases || Stopwatch.GetElapsedTime(started).TotalSeconds < seconds; i++)
        {
            byte[] packet = Damage(random, seeds);
            FrameStatus status = Cut(random, packet, out Frame frame);
            if (status != FrameStatus.Complete)
            {
                continue;
            }

            ProtocolVersion version = Wire.Versions[random.Next(3)];
            if (Rewrite.Of(frame, version) is { } again)
            {
                accepted++;
                Assert.True(again.Length <= frame.Length, $"{version} {Bytes.Show(packet)}");
            }
            else
            {
                refused++;
                Assert.False(Wire.TryParse(frame, version, out Violation violation));
                Assert.False(violation.IsNone);
                Assert.NotEmpty(violation.Detail);
                Assert.True(ReasonCodes.IsError(violation.Reason));
            }
        }

        // Both ways are taken often, or the damage would prove little.
        Assert.True(accepted > Cases / 20, $"{accepted} accepted");
        Assert.True(refused > Cases / 5, $"{refused} refused");
    }

    [Fact]
    public void Random_bytes_are_cut_or_refused_and_nothing_else()
    {
        var random = new Random(7);
        for (int i = 0; i < 50_000; i++)
        {
            byte[] bytes = new byte[random.Next(40)];
            random.NextBytes(bytes);
            if (Cut(random, bytes, out Frame frame) == FrameStatus.Complete)
            {
                foreach (ProtocolVersion version in Wire.Versions)
                {
                    _ = Rewrite.Of(frame, version);
                }
            }
        }
    }

    /// <summary>Cuts from one span and from segments, which must agree.</summary>
    private static FrameStatus Cut(Random random, byte[] bytes, out Frame frame)
    {
        FrameStatus status = FrameReader.TryRead(bytes, 1_000_000, out frame, out int length, out Violation violation);
        int first = random.Next(bytes.Length + 1);
        int second = random.Next(first, bytes.Length + 1);
        ReadOnlySequence<byte> segments = Segments.Of(bytes[..first], bytes[first..second], bytes[second..]);
        FrameStatus other = FrameReader.TryRead(
            segments, 1_000_000, out ReadOnlySequence<byte> whole, out int otherLength, out Violation otherViolation);
        Assert.Equal(status, other);
        Assert.Equal(length, otherLength);
        Assert.Equal(violation, otherViolation);
        Assert.Equal(status == FrameStatus.Malformed, !violation.IsNone);
        if (status == FrameStatus.Complete)
        {
            Assert.Equal(frame.Length, length);
            Assert.InRange(length, 2, bytes.Length);
            Assert.Equal(length, whole.Length);
            Assert.True(whole.ToArray().AsSpan().SequenceEqual(bytes.AsSpan(0, length)));
        }

        return status;
    }

    private static byte[][] Seeds()
    {
        var seeds = new List<byte[]>();
        seeds.AddRange(Corpus.Version3.Concat(Corpus.Version5).Select(Bytes.Of));
        var random = new RandomPackets(99);
        for (int i = 0; i < 300; i++)
        {
            byte[] packet = random.Next(Wire.Versions[i % 3]).Packet;
            if (packet.Length < 200)
            {
                seeds.Add(packet);
            }
        }

        return [.. seeds];
    }

    private static byte[] Damage(Random random, byte[][] seeds)
    {
        List<byte> bytes = [.. seeds[random.Next(seeds.Length)]];
        for (int i = random.Next(1, 4); i > 0 && bytes.Count > 0; i--)
        {
            int at = random.Next(bytes.Count);
            switch (random.Next(8))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 2:
                    bytes.Insert(at, (byte)random.Next(256));
                    break;
                case 3:
                    bytes.RemoveAt(at);
                    break;
                case 4:
                    bytes[at] = (byte)new[] { 0x00, 0x01, 0x7F, 0x80, 0xFF, (int)'+', '#', '/' }[random.Next(8)];
                    break;
                case 5:
                    bytes.InsertRange(at, bytes.GetRange(at, Math.Min(random.Next(1, 12), bytes.Count - at)));
                    break;
                case 6:
                    bytes.RemoveRange(at, Math.Min(random.Next(1, 12), bytes.Count - at));
                    break;
                default:
                    byte[] other = seeds[random.Next(seeds.Length)];
                    int from = random.Next(other.Length);
                    bytes.InsertRange(at, other[from..Math.Min(other.Length, from + 16)]);
                    break;
            }
        }

        // Mostly with a right length again, or nearly every case would end at the frame.
        return random.Next(5) == 0 || bytes.Count < 3 ? [.. bytes] : Bytes.Packet(bytes[0], [.. bytes.Skip(2)]);
    }
}
