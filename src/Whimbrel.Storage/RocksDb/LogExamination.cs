using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;

namespace Whimbrel.Storage;

/// <summary>
/// Reads RocksDB's logs for one question: is there a whole write behind a place that cannot be read? A crash cuts off at most the last
/// write, because each is on the disk before the next begins; anything whole behind a gap is a damaged disk, and RocksDB would leave it
/// out without a word.
/// </summary>
/// <remarks>
/// A log is blocks of 32 KB with fragments of records: checksum (4), length (2), kind (1), in recycled files the log's number (4), content.
/// A record is a write batch, which begins with the number of its first change (8) and how many there are (4).
/// </remarks>
internal sealed class LogExamination
{
    /// <summary>The pattern of the files.</summary>
    public const string Files = "*.log";

    private const int BlockLength = 32 * 1024;
    private const int BlocksAtOnce = 32;
    private const int HeaderLength = 7;
    private const int RecycledHeaderLength = 11;
    private const int BatchHeaderLength = 12;

    private ulong _begun;
    private uint _begunCount;
    private bool _isBegun;
    private bool _isFirst = true;
    private string? _suspectFile;
    private long _suspectOffset;
    private string? _gapFile;
    private long _gapOffset;
    private ulong _gapFrom;
    private ulong _gapTo;

    /// <summary>The number of the last change that is whole in any log; 0 if there is none.</summary>
    public ulong LastSequence { get; private set; }

    /// <summary>Whether the changes follow one another without a gap. A gap may still be in what was long turned into tables.</summary>
    public bool IsPlain => _gapFile is null;

    public static LogExamination Of(string directory)
    {
        var examination = new LogExamination();
        if (!Directory.Exists(directory))
            return examination;
        byte[] buffer = new byte[BlockLength * BlocksAtOnce];
        foreach ((string file, ulong number) in Directory.EnumerateFiles(directory, Files).Select(file => (file, Number(file))).OrderBy(log => log.Item2))
            examination.Read(file, (uint)number, buffer);
        return examination;
    }

    /// <summary>Where the damage is, for people.</summary>
    public string Describe() => string.Create(
        CultureInfo.InvariantCulture,
        $"the log {_gapFile} cannot be read at byte {_gapOffset}: the changes {_gapFrom} to {_gapTo} are missing, and later ones are there");

    private static ulong Number(string file) =>
        ulong.TryParse(Path.GetFileNameWithoutExtension(file), NumberStyles.None, CultureInfo.InvariantCulture, out ulong number) ? number : 0;

    private void Read(string file, uint number, byte[] buffer)
    {
        using FileStream stream = new(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        _isBegun = false;
        for (long offset = 0; ;)
        {
            int length = stream.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
            for (int start = 0; start < length; start += BlockLength)
                ReadBlock(file, number, offset + start, buffer.AsSpan(start, Math.Min(BlockLength, length - start)));
            offset += length;
            if (length < buffer.Length)
                return;
        }
    }

    private void ReadBlock(string file, uint number, long offset, ReadOnlySpan<byte> block)
    {
        int at = 0;
        while (block.Length - at >= HeaderLength)
        {
            ReadOnlySpan<byte> rest = block[at..];
            int contentLength = BinaryPrimitives.ReadUInt16LittleEndian(rest[4..]);
            var kind = (FragmentKind)rest[6];
            int headerLength = IsRecycled(kind) ? RecycledHeaderLength : HeaderLength;
            if (kind == FragmentKind.Nothing || rest.Length < headerLength + contentLength || !HasItsChecksum(rest[..(headerLength + contentLength)]))
            {
                // What follows in this block cannot be found; the next block begins with a fragment again.
                Suspect(file, offset + at);
                return;
            }

            if (IsRecycled(kind) && BinaryPrimitives.ReadUInt32LittleEndian(rest[HeaderLength..]) != number)
            {
                // Left from the log that the file was before.
                Suspect(file, offset + at);
                return;
            }

            Take(kind, rest.Slice(headerLength, contentLength), file, offset + at);
            at += headerLength + contentLength;
        }
    }

    private void Take(FragmentKind kind, ReadOnlySpan<byte> content, string file, long offset)
    {
        switch (kind)
        {
            case FragmentKind.Whole or FragmentKind.RecycledWhole when content.Length >= BatchHeaderLength:
                _isBegun = false;
                Accept(content, file, offset);
                break;
            case FragmentKind.First or FragmentKind.RecycledFirst when content.Length >= BatchHeaderLength:
                _isBegun = true;
                _begun = BinaryPrimitives.ReadUInt64LittleEndian(content);
                _begunCount = BinaryPrimitives.ReadUInt32LittleEndian(content[8..]);
                break;
            case FragmentKind.Last or FragmentKind.RecycledLast when _isBegun:
                _isBegun = false;
                Accept(_begun, _begunCount, file, offset);
                break;
        }
    }

    private void Accept(ReadOnlySpan<byte> batch, string file, long offset) =>
        Accept(BinaryPrimitives.ReadUInt64LittleEndian(batch), BinaryPrimitives.ReadUInt32LittleEndian(batch[8..]), file, offset);

    private void Accept(ulong sequence, uint count, string file, long offset)
    {
        if (!_isFirst && sequence > LastSequence + 1 && _gapFile is null)
        {
            _gapFile = _suspectFile ?? file;
            _gapOffset = _suspectFile is null ? offset : _suspectOffset;
            _gapFrom = LastSequence + 1;
            _gapTo = sequence - 1;
        }

        _isFirst = false;
        _suspectFile = null;
        LastSequence = Math.Max(LastSequence, sequence + count - 1);
    }

    /// <summary>Remembers the first place that could not be read since the last whole record: what is missing begins there.</summary>
    private void Suspect(string file, long offset)
    {
        _isBegun = false;
        if (_suspectFile is not null)
            return;
        _suspectFile = file;
        _suspectOffset = offset;
    }

    private static bool IsRecycled(FragmentKind kind) =>
        kind is FragmentKind.RecycledWhole or FragmentKind.RecycledFirst or FragmentKind.RecycledMiddle or FragmentKind.RecycledLast
            or FragmentKind.RecycledTimestamps or FragmentKind.RecycledPredecessor;

    /// <summary>The checksum counts what stands behind the length, and is stored rotated, as RocksDB does.</summary>
    private static bool HasItsChecksum(ReadOnlySpan<byte> fragment)
    {
        uint stored = BinaryPrimitives.ReadUInt32LittleEndian(fragment);
        uint sum = Checksum(fragment[6..]);
        return stored == BitOperations.RotateRight(sum, 15) + 0xa282ead8;
    }

    private static uint Checksum(ReadOnlySpan<byte> bytes)
    {
        uint sum = uint.MaxValue;
        for (; bytes.Length >= sizeof(ulong); bytes = bytes[sizeof(ulong)..])
            sum = BitOperations.Crc32C(sum, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        foreach (byte value in bytes)
            sum = BitOperations.Crc32C(sum, value);
        return ~sum;
    }

    private enum FragmentKind : byte
    {
        Nothing = 0,
        Whole = 1,
        First = 2,
        Middle = 3,
        Last = 4,
        RecycledWhole = 5,
        RecycledFirst = 6,
        RecycledMiddle = 7,
        RecycledLast = 8,
        RecycledTimestamps = 11,
        RecycledPredecessor = 131,
    }
}
