namespace Whimbrel.Simulation;

/// <summary>The broker broke a rule.</summary>
/// <param name="rule">The rule's short name, the same for every breach of it.</param>
internal sealed class ViolationException(string rule, string what) : Exception($"{rule}: {what}")
{
    public string Rule => rule;
}
