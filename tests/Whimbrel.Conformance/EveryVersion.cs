using Whimbrel.Protocol;

namespace Whimbrel.Conformance;

/// <summary>Theory data: the statement is the same in all versions.</summary>
public sealed class EveryVersion : TheoryData<ProtocolVersion>
{
    public EveryVersion() => AddRange(ProtocolVersion.Mqtt31, ProtocolVersion.Mqtt311, ProtocolVersion.Mqtt50);
}

/// <summary>Theory data: the statement is not in MQTT 3.1, or 3.1 differs.</summary>
public sealed class NumberedVersions : TheoryData<ProtocolVersion>
{
    public NumberedVersions() => AddRange(ProtocolVersion.Mqtt311, ProtocolVersion.Mqtt50);
}
