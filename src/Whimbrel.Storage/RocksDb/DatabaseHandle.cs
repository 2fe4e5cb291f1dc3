using System.Runtime.InteropServices;

namespace Whimbrel.Storage;

/// <summary>
/// An open database and all that has to live as long: one owner, one order of destruction. Whoever calls into it holds a
/// <see cref="Lease"/>, so that nobody closes it meanwhile.
/// </summary>
internal sealed class DatabaseHandle : SafeHandle
{
    private readonly nint _cache;
    private readonly nint _writeOptions;

    /// <param name="families">How many handles of families there will be.</param>
    /// <param name="cacheBytes">The bound of the cache of what was read.</param>
    public DatabaseHandle(int families, long cacheBytes)
        : base(0, ownsHandle: true)
    {
        Families = new nint[families];
        _cache = Native.CacheCreateLru((nuint)cacheBytes);
        _writeOptions = Native.WriteOptionsCreate();
        Native.WriteOptionsSetSync(_writeOptions, 1);
    }

    /// <summary>Filled by the call that opens the database.</summary>
    public nint[] Families { get; }

    public nint Cache => _cache;

    /// <summary>One synchronisation of the log for every write.</summary>
    public nint WriteOptions => _writeOptions;

    /// <summary>Cache and options have to be destroyed even when no database was opened; nothing has to be when there is no library.</summary>
    public override bool IsInvalid => _cache == 0;

    /// <summary>Gives the database that was opened into this owner's hands.</summary>
    public void Own(nint database) => SetHandle(database);

    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public Lease Use() => new(this);

    protected override bool ReleaseHandle()
    {
        foreach (nint family in Families)
        {
            if (family != 0)
                Native.ColumnFamilyHandleDestroy(family);
        }

        if (handle != 0)
            Native.Close(handle);
        Native.WriteOptionsDestroy(_writeOptions);
        Native.CacheDestroy(_cache);
        return true;
    }

    /// <summary>Keeps the database open from its creation to its disposal.</summary>
    public readonly ref struct Lease
    {
        private readonly DatabaseHandle _owner;

        public Lease(DatabaseHandle owner)
        {
            bool added = false;
            owner.DangerousAddRef(ref added);
            _owner = owner;
        }

        public nint Database => _owner.handle;

        public void Dispose() => _owner.DangerousRelease();
    }
}
