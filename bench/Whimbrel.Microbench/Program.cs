using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Running;

// All of them, from the root of the repository: dotnet run -c Release --project bench/Whimbrel.Microbench -- --filter '*'
// What a message allocates is gated by tests/Whimbrel.Broker.Tests/AllocationTests.cs, which needs no benchmark to run.
BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly)
    .Run(args, DefaultConfig.Instance.WithArtifactsPath(Path.Combine(AppContext.BaseDirectory, "BenchmarkDotNet.Artifacts")));
