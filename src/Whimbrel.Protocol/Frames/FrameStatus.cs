namespace Whimbrel.Protocol;

/// <summary>What a read of the buffer's beginning found.</summary>
public enum FrameStatus
{
    /// <summary>A whole packet.</summary>
    Complete,

    /// <summary>Nothing wrong so far; bytes are missing.</summary>
    NeedMore,

    /// <summary>No continuation of these bytes is acceptable; the violation says why.</summary>
    Malformed,
}
