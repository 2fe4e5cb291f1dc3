namespace Whimbrel.Simulation;

/// <summary>A bug that somebody might write, as a change to one place of the source.</summary>
/// <param name="Name">What is wrong, in a few words.</param>
/// <param name="File">The file, relative to the repository's root.</param>
/// <param name="Text">What stands there, exactly once.</param>
/// <param name="Replacement">What stands there instead.</param>
internal sealed record Mutation(string Name, string File, string Text, string Replacement);
