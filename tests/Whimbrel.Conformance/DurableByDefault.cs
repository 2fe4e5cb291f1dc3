using System.Runtime.CompilerServices;

namespace Whimbrel.Tests;

/// <summary>The specification holds for the broker as it runs by default: with a store.</summary>
internal static class DurableByDefault
{
    [ModuleInitializer]
    public static void Choose() => TestBroker.NewStore = () => new MemoryStore();
}
