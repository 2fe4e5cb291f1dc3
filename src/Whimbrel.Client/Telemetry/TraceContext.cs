using System.Diagnostics;
using System.Text;
using Whimbrel.Protocol;

namespace Whimbrel.Client.Telemetry;

/// <summary>The W3C trace context in a message's user properties: <c>traceparent</c> and <c>tracestate</c>.</summary>
internal static class TraceContext
{
    private static ReadOnlySpan<byte> Parent => "traceparent"u8;

    private static ReadOnlySpan<byte> State => "tracestate"u8;

    /// <summary>
    /// The block with the activity's context at its end. A context that is there already belongs to an earlier hop of a forwarded message
    /// and gives way.
    /// </summary>
    public static byte[] Inject(Activity activity, byte[] block)
    {
        if (activity is not { IdFormat: ActivityIdFormat.W3C, Id: { } id })
            return block;
        byte[] context = activity.TraceStateString is { Length: > 0 } state
            ? UserProperties.Encode(new("traceparent", id), new("tracestate", state))
            : UserProperties.Encode(new KeyValuePair<string, string>("traceparent", id));
        if (block.Length == 0)
            return context;
        byte[] joined = new byte[block.Length + context.Length];
        int length = 0;
        var reader = new PropertyReader(block, PropertyScope.Publish);
        while (reader.TryNext(out Property property))
        {
            if (IsContext(property))
                continue;
            property.Encoded.CopyTo(joined.AsSpan(length));
            length += property.Encoded.Length;
        }

        context.CopyTo(joined.AsSpan(length));
        length += context.Length;
        return length == joined.Length ? joined : joined[..length];
    }

    /// <summary>The publisher's context, or the default if there is none that can be read.</summary>
    public static ActivityContext Extract(ReadOnlySpan<byte> block)
    {
        string? parent = null;
        string? state = null;
        foreach (UserProperty property in new UserProperties(block))
        {
            if (property.Name.SequenceEqual(Parent))
                parent ??= Encoding.ASCII.GetString(property.Value);
            else if (property.Name.SequenceEqual(State))
                state ??= Encoding.ASCII.GetString(property.Value);
        }

        return parent is not null && ActivityContext.TryParse(parent, state, isRemote: true, out ActivityContext context) ? context : default;
    }

    private static bool IsContext(in Property property) =>
        property.Id == PropertyId.UserProperty && (property.Text.SequenceEqual(Parent) || property.Text.SequenceEqual(State));
}
