using Whimbrel.Protocol;

namespace Whimbrel.Client;

/// <summary>Something about MQTT went wrong.</summary>
public class MqttException : Exception
{
    public MqttException(string message)
        : base(message)
    {
    }

    public MqttException(string message, Exception? cause)
        : base(message, cause)
    {
    }

    public MqttException(string message, ReasonCode reasonCode, Exception? cause = null)
        : base(message, cause) => ReasonCode = reasonCode;

    /// <summary>The specification's code, if one was said. In 3.1.1 the counterpart of what was said there.</summary>
    public ReasonCode? ReasonCode { get; }

    internal static string Describe(ReasonCode reason, string? said) =>
        string.IsNullOrEmpty(said) ? $"{ReasonCodes.Name(reason)} (0x{(byte)reason:X2})" : $"{ReasonCodes.Name(reason)} (0x{(byte)reason:X2}): {said}";
}

/// <summary>The server could not be reached, or did not want us.</summary>
public sealed class MqttConnectException : MqttException
{
    public MqttConnectException(string message, Exception? cause = null)
        : base(message, cause)
    {
    }

    public MqttConnectException(string message, ReasonCode reasonCode, string? serverReference = null)
        : base(message, reasonCode) => ServerReference = serverReference;

    /// <summary>Where the server says that we should go instead.</summary>
    public string? ServerReference { get; }

    /// <summary>What CONNACK said in MQTT 3: 1 to 5. 0 in 5.0.</summary>
    public byte ReturnCode { get; init; }

    /// <summary>Trying again is not wanted, whatever the code.</summary>
    internal bool IsFinal { get; init; }
}

/// <summary>There is no connection, and what was asked does not wait for one.</summary>
public sealed class MqttNotConnectedException(string message, Exception? cause = null) : MqttException(message, cause);

/// <summary>The server refused a message, or it can never be sent.</summary>
public sealed class MqttPublishException(string message, ReasonCode reasonCode) : MqttException(message, reasonCode);

/// <summary>The server refused a subscription.</summary>
public sealed class MqttSubscribeException(string message, ReasonCode reasonCode) : MqttException(message, reasonCode);

/// <summary>A received payload is not what the program reads it as. Trying again does not change it.</summary>
public sealed class MqttPayloadException(string message, Exception? cause = null) : MqttException(message, Protocol.ReasonCode.PayloadFormatInvalid, cause);

/// <summary>The outbox is full and its options say that nobody waits.</summary>
public sealed class MqttOutboxFullException(string message) : MqttException(message);

/// <summary>A message's expiry passed before it could be sent.</summary>
public sealed class MqttMessageExpiredException(string message) : MqttException(message);

/// <summary>A request found nobody who answers such requests.</summary>
public sealed class MqttNoRespondersException(string message) : MqttException(message);

/// <summary>A responder answered that it failed.</summary>
public sealed class MqttResponseException(string message) : MqttException(message);

/// <summary>A call was cancelled that had begun to deliver a message.</summary>
public sealed class MqttPublishCanceledException(bool maybeDelivered, CancellationToken cancellationToken)
    : OperationCanceledException(
        maybeDelivered ? "The call was cancelled; the message is on its way and will be delivered." : "The call was cancelled before the message was sent.",
        cancellationToken)
{
    /// <summary>True: the message had been given to the network and its delivery goes on. False: nobody will get it.</summary>
    public bool MaybeDelivered { get; } = maybeDelivered;
}
