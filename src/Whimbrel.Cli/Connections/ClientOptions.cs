using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Text;
using Whimbrel.Cli.Commands;
using Whimbrel.Client;
using Whimbrel.Protocol;

namespace Whimbrel.Cli.Connections;

/// <summary>The options that <c>pub</c> and <c>sub</c> share, with mosquitto's names.</summary>
internal sealed class ClientOptions
{
    public const string PropertyOption = "--property";

    // As many as the broker may have on their way to us if nobody says otherwise: all that MQTT has.
    private const uint ReceiveMaximum = ushort.MaxValue;
    private const int PacketBytesMax = 268_435_460;

    private const int InFlightMax = 1000;

    // A server of 3.x cannot say how many it takes; mosquitto's tools send so many, and mosquitto 2.0 loses some of hundreds.
    private const int InFlightMax3 = 20;

    private readonly Option<string> _host = ToolOption.Value("--host", "HOST", "Broker to connect to; localhost if nothing is said.", "-h");
    private readonly Option<string> _port = ToolOption.Value("--port", "PORT", "Its port; 1883 if nothing is said, 8883 with TLS.", "-p");
    private readonly Option<string> _url = ToolOption.Value(
        "--url", "URL", "Broker, user and topic at once: mqtt[s]://[user[:password]@]host[:port][,host...][/topic], ws[s]://host[:port][/path]. WHIMBREL_URL or MQTT_URL do without it.", "-L");
    private readonly Option<string> _unix = ToolOption.Value("--unix", "PATH", "Connect to a unix socket.");
    private readonly Option<bool> _webSocket = ToolOption.Flag("--ws", "Connect by WebSocket; the path is /mqtt, another one takes -L ws://HOST/PATH.");
    private readonly Option<bool> _tls = ToolOption.Flag("--tls", "Connect by TLS and trust the machine's authorities; any of the next five means TLS as well.");
    private readonly Option<string> _caFile = ToolOption.Value("--cafile", "FILE", "PEM file with the authorities to trust in place of the machine's.");
    private readonly Option<string> _certificate = ToolOption.Value("--cert", "FILE", "PEM file with this client's certificate.");
    private readonly Option<string> _key = ToolOption.Value("--key", "FILE", "PEM file with the certificate's key, if it is another one.");
    private readonly Option<string> _alpn = ToolOption.Value("--tls-alpn", "PROTOCOL", "Application protocol to ask for.");
    private readonly Option<bool> _insecure = ToolOption.Flag("--insecure", "Accept any certificate from anybody: encrypted to whoever listens. For experiments.");
    private readonly Option<string> _proxy = ToolOption.Value("--proxy", "URL", "Proxy on the way: socks5://[user[:password]@]host[:port] or http://....");
    private readonly Option<string> _user = ToolOption.Value("--username", "NAME", "User name; or WHIMBREL_USER.", "-u");
    private readonly Option<string> _password = ToolOption.Value(
        "--pw", "PASSWORD", "Password, which other users of this machine may see; better --password-file or WHIMBREL_PASSWORD.", "-P");
    private readonly Option<string> _passwordFile = ToolOption.Value(
        "--password-file", "FILE", "File whose first line is the password; or WHIMBREL_PASSWORD_FILE.");
    private readonly Option<string> _id = ToolOption.Value("--id", "ID", "Client identifier; the broker chooses one if nothing is said.", "-i");
    private readonly Option<string> _idPrefix = ToolOption.Value("--id-prefix", "PREFIX", "Client identifier made of this and the process id.", "-I");
    private readonly Option<string> _keepAlive = ToolOption.Value("--keepalive", "SECONDS", "Keep alive, 0 to 65535; 60 if nothing is said.", "-k");
    private readonly Option<bool> _keepSession = ToolOption.Flag(
        "--disable-clean-session", "Resume the session of this client identifier and leave it behind.", "-c");
    private readonly Option<string> _version = ToolOption.Value(
        "--protocol-version", "VERSION", "31, 311 or 5. 5 if nothing is said, and 3.1.1 if the broker does not take that.", "-V");
    private readonly Option<string> _expiry = ToolOption.Value(
        "--session-expiry-interval", "SECONDS", "How long the session outlives the connection (5.0); -1 for ever.", "-x");
    private readonly Option<string> _qos = ToolOption.Value("--qos", "QOS", "Quality of service: 0, 1 or 2.", "-q");
    private readonly Option<string[]> _properties = ToolOption.Values(
        PropertyOption, "COMMAND PROPERTY VALUE", "MQTT 5.0 property, such as: publish content-type text/plain, or: connect user-property NAME VALUE.", "-D");
    private readonly Option<string> _willTopic = ToolOption.Value(
        "--will-topic", "TOPIC", "Topic of the will: what the broker publishes if this client vanishes.");
    private readonly Option<string> _willPayload = ToolOption.Value("--will-payload", "TEXT", "Payload of the will; empty if nothing is said.");
    private readonly Option<string> _willQoS = ToolOption.Value("--will-qos", "QOS", "Quality of service of the will.");
    private readonly Option<bool> _willRetain = ToolOption.Flag("--will-retain", "Make the will a retained message.");
    private readonly Option<bool> _debug = ToolOption.Flag("--debug", "Say on standard error what is sent and received.", "-d");
    private readonly Option<bool> _quiet = ToolOption.Flag("--quiet", "No errors of the run on standard error.");
    private readonly Option<bool> _noDelay = ToolOption.Flag("--nodelay", "Accepted for mosquitto's sake; small packets are never delayed.");
    private readonly Option<bool> _mosquittoCodes = ToolOption.Flag(
        "--mosquitto-exit-codes", "Exit as mosquitto's tools do: the CONNACK code, 27 for a timeout.");

    public void AddTo(Command command)
    {
        Option[] all =
        [
            _host, _port, _url, _unix, _webSocket, _tls, _caFile, _certificate, _key, _alpn, _insecure, _proxy, _user, _password, _passwordFile, _id, _idPrefix, _keepAlive, _keepSession, _version, _expiry,
            _qos, _properties, _willTopic, _willPayload, _willQoS, _willRetain, _debug, _quiet, _noDelay, _mosquittoCodes,
        ];
        foreach (var option in all)
            command.Add(option);
    }

    /// <summary>Reads the options; what is wrong is added to <paramref name="problems"/>.</summary>
    public ClientSettings Read(ParseResult parsed, ToolContext context, List<string> problems)
    {
        var url = ReadUrl(parsed, context, problems);
        var properties = new PropertySets();
        foreach (string words in parsed.GetValue(_properties) ?? [])
        {
            if (PropertyNames.TryAdd(words.Split(ArgumentRules.WordSeparator), properties) is { } problem)
                problems.Add(problem);
        }

        var (version, isChosen) = ReadVersion(parsed, problems);
        uint? expiry = ReadExpiry(parsed, problems);
        bool needs5 = !properties.IsEmpty || expiry is not null;
        if (needs5 && isChosen && version != ProtocolVersion.Mqtt50)
            problems.Add($"MQTT {ReasonText.Name(version)} has no properties: leave -D and -x out, or use -V 5");

        // A user of the URL keeps the URL's password; that of the environment belongs to the environment's user.
        string? user = parsed.GetValue(_user) ?? url.UserName ?? context.Variable("WHIMBREL_USER");
        string? password = ReadPassword(parsed, problems) ?? (url.UserName is null ? ReadPassword(context, problems) : url.Password);
        if (user is null && password is not null && isChosen && version != ProtocolVersion.Mqtt50)
            problems.Add($"MQTT {ReasonText.Name(version)} takes no password without a user name: use -u");

        bool keepSession = parsed.GetValue(_keepSession);
        string id = ReadId(parsed, keepSession, problems);
        bool mayFallBack = !isChosen && !needs5 && (user is not null || password is null);
        var given = properties[PropertyScope.Connect];
        var options = new MqttClientOptions
        {
            ProtocolVersion = mayFallBack ? MqttProtocolVersion.Auto : (MqttProtocolVersion)version,
            ClientId = id,
            CleanStart = !keepSession,
            SessionExpiry = (expiry ?? given.Number(PropertyId.SessionExpiryInterval)) switch
            {
                uint.MaxValue => TimeSpan.MaxValue,
                { } seconds => TimeSpan.FromSeconds(seconds),
                null => keepSession ? TimeSpan.MaxValue : null,
            },
            KeepAlive = TimeSpan.FromSeconds(ToolOption.ReadNumber(parsed, _keepAlive, 0, ushort.MaxValue, 60, problems)),
            Credentials = user is null && password is null ? null : new MqttCredentials(user, password is null ? (ReadOnlyMemory<byte>?)null : Encoding.UTF8.GetBytes(password)),
            Will = ReadWill(parsed, properties, problems),
            Authenticator = given.Text(PropertyId.AuthenticationMethod) is { } method ? new GivenAuthentication(method, given.Bytes(PropertyId.AuthenticationData)) : null,
            RequestProblemInformation = given.Number(PropertyId.RequestProblemInformation) != 0,
            RequestResponseInformation = given.Number(PropertyId.RequestResponseInformation) == 1,
            Proxy = ReadProxy(parsed, problems),
            Limits =
            {
                ReceiveMaximum = (ushort)(given.Number(PropertyId.ReceiveMaximum) ?? ReceiveMaximum),
                PacketBytesMax = (int)Math.Min(given.Number(PropertyId.MaximumPacketSize) ?? PacketBytesMax, PacketBytesMax),
                TopicAliasMaximum = (ushort)(given.Number(PropertyId.TopicAliasMaximum) ?? 0),
                InFlightMax = version == ProtocolVersion.Mqtt50 ? InFlightMax : InFlightMax3,
            },
            Reconnect = { AttemptTimeout = TimeSpan.FromSeconds(10) },
        };
        foreach (var address in url.Addresses)
            options.Endpoints.Add(address.ToString());
        foreach (var property in given.UserProperties)
            options.UserProperties.Add(property);
        ReadTls(parsed, options.Tls, url.Addresses, problems);

        return new ClientSettings(options, properties)
        {
            UrlTopic = parsed.GetValue(_url) is null ? null : url.Topic,
            QoS = (MqttQoS)ToolOption.ReadNumber(parsed, _qos, 0, 2, 0, problems),
            IsDebug = parsed.GetValue(_debug),
            IsQuiet = parsed.GetValue(_quiet),
            MosquittoExitCodes = parsed.GetValue(_mosquittoCodes),
        };
    }

    public static int? ReadPort(string? text, List<string> problems)
    {
        if (text is null)
            return null;
        if (BrokerUrl.TryParsePort(text, out int port))
            return port;
        problems.Add($"-p must be a number from 1 to 65535, not '{text}'");
        return null;
    }

    private BrokerUrl ReadUrl(ParseResult parsed, ToolContext context, List<string> problems)
    {
        string? host = parsed.GetValue(_host);
        string? port = parsed.GetValue(_port);
        string? unix = parsed.GetValue(_unix);
        string? given = parsed.GetValue(_url);
        bool isSecure = parsed.GetValue(_tls) || parsed.GetValue(_insecure)
            || new[] { _caFile, _certificate, _key, _alpn }.Any(option => parsed.GetValue(option) is not null);
        bool isWebSocket = parsed.GetValue(_webSocket);
        var nowhere = new BrokerUrl([BrokerUrl.Of(host, null, isWebSocket, isSecure)], null, null, null);
        if (given is not null && (host is not null || port is not null || unix is not null || isWebSocket))
            problems.Add("-L says where the broker is; leave -h, -p, --unix and --ws out");
        if (unix is not null && (host is not null || port is not null || isWebSocket || isSecure))
            problems.Add("--unix says where the broker is; leave -h, -p, --ws and what means TLS out");

        // Credentials of the environment's URL belong to its broker and to no other.
        if (given is null && host is null && port is null && unix is null && !isWebSocket)
        {
            string name = context.Variable("WHIMBREL_URL") is not null ? "WHIMBREL_URL" : "MQTT_URL";
            if (context.Variable(name) is not { } fromEnvironment)
                return nowhere;
            if (BrokerUrl.TryParse(fromEnvironment, out string wrong) is { } known)
                return known;
            problems.Add($"{name}: {wrong}");
            return nowhere;
        }

        if (unix is not null)
            return nowhere with { Addresses = [new BrokerAddress("unix", "", 0, Path.GetFullPath(unix))] };
        if (given is not null)
        {
            if (BrokerUrl.TryParse(given, out string wrong) is { } known)
                return known;
            problems.Add($"-L {wrong}");
            return nowhere;
        }

        if (host is { Length: 0 })
            problems.Add("-h must not be empty");
        return nowhere with { Addresses = [BrokerUrl.Of(host, ReadPort(port, problems), isWebSocket, isSecure)] };
    }

    private void ReadTls(ParseResult parsed, MqttTlsOptions tls, IReadOnlyList<BrokerAddress> addresses, List<string> problems)
    {
        tls.CaFile = ReadFile(parsed, _caFile, problems);
        tls.CertificateFile = ReadFile(parsed, _certificate, problems);
        tls.KeyFile = ReadFile(parsed, _key, problems);
        tls.DangerousAcceptAnyServerCertificate = parsed.GetValue(_insecure);
        if (parsed.GetValue(_alpn) is { } protocol)
            tls.ApplicationProtocols.Add(protocol);
        if (tls.KeyFile is not null && tls.CertificateFile is null)
            problems.Add("--key needs --cert");
        bool isAsked = tls.CaFile is not null || tls.CertificateFile is not null || tls.DangerousAcceptAnyServerCertificate || tls.ApplicationProtocols.Count > 0;
        if (isAsked && addresses.FirstOrDefault(address => !address.IsSecure) is { IsUnix: false } plain)
            problems.Add($"{plain} is not encrypted, so TLS options mean nothing there: use mqtts:// or wss://");
    }

    /// <summary>A path that can be read.</summary>
    private static string? ReadFile(ParseResult parsed, Option<string> option, List<string> problems)
    {
        if (parsed.GetValue(option) is not { } path)
            return null;
        try
        {
            using var file = File.OpenRead(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            problems.Add($"{ToolOption.Spelled(option)} {path}: {(e is FileNotFoundException or DirectoryNotFoundException ? "there is no such file" : e.Message.TrimEnd('.'))}");
        }

        return path;
    }

    private WebProxy? ReadProxy(ParseResult parsed, List<string> problems)
    {
        if (parsed.GetValue(_proxy) is not { } text)
            return null;
        if (Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "socks5" or "socks5h" && uri.Host.Length > 0)
            return new WebProxy(uri);
        problems.Add($"--proxy must be socks5://[user[:password]@]host[:port] or http://..., not '{text}'");
        return null;
    }

    private (ProtocolVersion Version, bool IsChosen) ReadVersion(ParseResult parsed, List<string> problems)
    {
        switch (parsed.GetValue(_version)?.ToLowerInvariant())
        {
            case null:
                return (ProtocolVersion.Mqtt50, false);
            case "5" or "5.0" or "50" or "mqttv5" or "mqttv50":
                return (ProtocolVersion.Mqtt50, true);
            case "311" or "3.1.1" or "mqttv311":
                return (ProtocolVersion.Mqtt311, true);
            case "31" or "3.1" or "mqttv31":
                return (ProtocolVersion.Mqtt31, true);
            case var other:
                problems.Add($"-V must be 31, 311 or 5, not '{other}'");
                return (ProtocolVersion.Mqtt50, false);
        }
    }

    private uint? ReadExpiry(ParseResult parsed, List<string> problems)
    {
        if (parsed.GetValue(_expiry) is not { } text)
            return null;
        if (text is "-1" or "∞" or "never")
            return uint.MaxValue;
        if (uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out uint seconds))
            return seconds;
        problems.Add($"-x must be a number of seconds up to 4294967294, or -1 for ever, not '{text}'");
        return null;
    }

    private string? ReadPassword(ParseResult parsed, List<string> problems)
    {
        string? given = parsed.GetValue(_password);
        string? file = parsed.GetValue(_passwordFile);
        if (given is not null && file is not null)
            problems.Add("-P and --password-file are two passwords; leave one out");
        return given ?? (file is null ? null : ReadFirstLine("--password-file", file, problems));
    }

    private static string? ReadPassword(ToolContext context, List<string> problems)
    {
        if (context.Variable("WHIMBREL_PASSWORD") is { } known)
            return known;
        return context.Variable("WHIMBREL_PASSWORD_FILE") is { } path ? ReadFirstLine("WHIMBREL_PASSWORD_FILE", path, problems) : null;
    }

    private static string? ReadFirstLine(string source, string path, List<string> problems)
    {
        try
        {
            return File.ReadLines(path).FirstOrDefault() ?? "";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            problems.Add($"{source} {path}: {e.Message.TrimEnd('.')}");
            return null;
        }
    }

    private string ReadId(ParseResult parsed, bool keepSession, List<string> problems)
    {
        string? id = parsed.GetValue(_id);
        string? prefix = parsed.GetValue(_idPrefix);
        if (id is not null && prefix is not null)
            problems.Add("-i and -I are two client identifiers; leave one out");
        if (keepSession && string.IsNullOrEmpty(id) && prefix is null)
            problems.Add("-c keeps the session of a client identifier: say which with -i");
        return id ?? (prefix is null ? "" : $"{prefix}{Environment.ProcessId}");
    }

    private MqttWill? ReadWill(ParseResult parsed, PropertySets properties, List<string> problems)
    {
        string? topic = parsed.GetValue(_willTopic);
        if (topic is null)
        {
            bool isWanted = parsed.GetValue(_willPayload) is not null || parsed.GetValue(_willQoS) is not null || parsed.GetValue(_willRetain);
            if (isWanted || !properties[PropertyScope.Will].IsEmpty)
                problems.Add("a will needs --will-topic");
            return null;
        }

        if (!TopicName.IsValid(Encoding.UTF8.GetBytes(topic)))
            problems.Add($"--will-topic '{topic}' is not a topic name: it must not be empty or contain + or #");
        byte[] payload = Encoding.UTF8.GetBytes(parsed.GetValue(_willPayload) ?? "");
        if (payload.Length > ushort.MaxValue)
            problems.Add("--will-payload has more than 65535 bytes");
        var set = properties[PropertyScope.Will];
        var message = set.Message(topic, payload, (MqttQoS)ToolOption.ReadNumber(parsed, _willQoS, 0, 2, 0, problems), parsed.GetValue(_willRetain));
        return new MqttWill
        {
            Topic = message.Topic,
            Payload = message.Payload,
            QoS = message.QoS,
            Retain = message.Retain,
            Expiry = message.Expiry,
            ContentType = message.ContentType,
            ResponseTopic = message.ResponseTopic,
            CorrelationData = message.CorrelationData,
            PayloadIsText = message.PayloadIsText,
            UserProperties = message.UserProperties,
            Delay = set.Seconds(PropertyId.WillDelayInterval) ?? TimeSpan.Zero,
        };
    }
}
