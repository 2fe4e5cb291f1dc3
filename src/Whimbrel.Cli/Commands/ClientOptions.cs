using System.CommandLine;
using System.Globalization;
using System.Text;
using Whimbrel.Cli.Wire;
using Whimbrel.Protocol;

namespace Whimbrel.Cli.Commands;

/// <summary>What <c>pub</c> and <c>sub</c> have in common once read.</summary>
internal sealed record ClientSettings(WireTarget Target, WireConnect Connect)
{
    /// <summary>The topic in <c>-L</c>.</summary>
    public string? UrlTopic { get; init; }

    public QoS QoS { get; init; }

    public bool IsDebug { get; init; }

    public bool IsQuiet { get; init; }

    public bool MosquittoExitCodes { get; init; }
}

/// <summary>The options that <c>pub</c> and <c>sub</c> share, with mosquitto's names.</summary>
internal sealed class ClientOptions
{
    public const string PropertyOption = "--property";

    private readonly Option<string> _host = Value("--host", "HOST", "Broker to connect to; localhost if nothing is said.", "-h");
    private readonly Option<string> _port = Value("--port", "PORT", "Its port; 1883 if nothing is said.", "-p");
    private readonly Option<string> _url = Value(
        "--url", "URL", "Broker, user and topic at once: mqtt://[user[:password]@]host[:port][/topic]. WHIMBREL_URL or MQTT_URL do without it.", "-L");
    private readonly Option<string> _unix = Value("--unix", "PATH", "Connect to a unix socket.");
    private readonly Option<string> _user = Value("--username", "NAME", "User name; or WHIMBREL_USER.", "-u");
    private readonly Option<string> _password = Value(
        "--pw", "PASSWORD", "Password, which other users of this machine may see; better --password-file or WHIMBREL_PASSWORD.", "-P");
    private readonly Option<string> _passwordFile = Value(
        "--password-file", "FILE", "File whose first line is the password; or WHIMBREL_PASSWORD_FILE.");
    private readonly Option<string> _id = Value("--id", "ID", "Client identifier; the broker chooses one if nothing is said.", "-i");
    private readonly Option<string> _idPrefix = Value("--id-prefix", "PREFIX", "Client identifier made of this and the process id.", "-I");
    private readonly Option<string> _keepAlive = Value("--keepalive", "SECONDS", "Keep alive, 0 to 65535; 60 if nothing is said.", "-k");
    private readonly Option<bool> _keepSession = Flag(
        "--disable-clean-session", "Resume the session of this client identifier and leave it behind.", "-c");
    private readonly Option<string> _version = Value(
        "--protocol-version", "VERSION", "31, 311 or 5. 5 if nothing is said, and 3.1.1 if the broker does not take that.", "-V");
    private readonly Option<string> _expiry = Value(
        "--session-expiry-interval", "SECONDS", "How long the session outlives the connection (5.0); -1 for ever.", "-x");
    private readonly Option<string> _qos = Value("--qos", "QOS", "Quality of service: 0, 1 or 2.", "-q");
    private readonly Option<string[]> _properties = Values(
        PropertyOption, "COMMAND PROPERTY VALUE", "MQTT 5.0 property, such as: publish content-type text/plain, or: connect user-property NAME VALUE.", "-D");
    private readonly Option<string> _willTopic = Value(
        "--will-topic", "TOPIC", "Topic of the will: what the broker publishes if this client vanishes.");
    private readonly Option<string> _willPayload = Value("--will-payload", "TEXT", "Payload of the will; empty if nothing is said.");
    private readonly Option<string> _willQoS = Value("--will-qos", "QOS", "Quality of service of the will.");
    private readonly Option<bool> _willRetain = Flag("--will-retain", "Make the will a retained message.");
    private readonly Option<bool> _debug = Flag("--debug", "Say on standard error what is sent and received.", "-d");
    private readonly Option<bool> _quiet = Flag("--quiet", "No errors of the run on standard error.");
    private readonly Option<bool> _noDelay = Flag("--nodelay", "Accepted for mosquitto's sake; small packets are never delayed.");
    private readonly Option<bool> _mosquittoCodes = Flag(
        "--mosquitto-exit-codes", "Exit as mosquitto's tools do: the CONNACK code, 27 for a timeout.");

    public void AddTo(Command command)
    {
        Option[] all =
        [
            _host, _port, _url, _unix, _user, _password, _passwordFile, _id, _idPrefix, _keepAlive, _keepSession, _version, _expiry,
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
        if (keepSession && version == ProtocolVersion.Mqtt50)
            expiry ??= properties[PropertyScope.Connect].Number(PropertyId.SessionExpiryInterval) ?? uint.MaxValue;

        var connect = new WireConnect
        {
            Version = version,
            MayFallBack = !isChosen && !needs5 && (user is not null || password is null),
            ClientId = id,
            CleanStart = !keepSession,
            KeepAliveSeconds = (ushort)ReadNumber(parsed, _keepAlive, 0, ushort.MaxValue, 60, problems),
            UserName = user,
            Password = password is null ? null : Encoding.UTF8.GetBytes(password),
            Will = ReadWill(parsed, properties, problems),
            SessionExpirySeconds = expiry,
            Properties = properties,
        };
        if (version != ProtocolVersion.Mqtt50)
            connect = connect with { ClientId = ClientIds.ForOlder(connect) };

        return new ClientSettings(url.Target, connect)
        {
            UrlTopic = parsed.GetValue(_url) is null ? null : url.Topic,
            QoS = (QoS)ReadNumber(parsed, _qos, 0, 2, 0, problems),
            IsDebug = parsed.GetValue(_debug),
            IsQuiet = parsed.GetValue(_quiet),
            MosquittoExitCodes = parsed.GetValue(_mosquittoCodes),
        };
    }

    public static Option<string> Value(string name, string valueName, string description, params string[] aliases) =>
        new(name, aliases) { Description = description, HelpName = valueName, Arity = ArgumentArity.ExactlyOne };

    public static Option<string[]> Values(string name, string valueName, string description, params string[] aliases) =>
        new(name, aliases) { Description = description, HelpName = valueName, Arity = ArgumentArity.OneOrMore };

    public static Option<bool> Flag(string name, string description, params string[] aliases) =>
        new(name, aliases) { Description = description, Arity = ArgumentArity.Zero };

    public static long ReadNumber(ParseResult parsed, Option<string> option, long min, long max, long otherwise, List<string> problems)
    {
        if (parsed.GetValue(option) is not { } text)
            return otherwise;
        if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number) && number >= min && number <= max)
            return number;
        string range = (min, max) == (0, 2) ? "0, 1 or 2" : $"a number from {min} to {max}";
        problems.Add($"{Spelled(option)} must be {range}, not '{text}'");
        return otherwise;
    }

    /// <summary>The name that people use: the short one where there is one.</summary>
    public static string Spelled(Option option) => option.Aliases.FirstOrDefault() ?? option.Name;

    private BrokerUrl ReadUrl(ParseResult parsed, ToolContext context, List<string> problems)
    {
        string? host = parsed.GetValue(_host);
        string? port = parsed.GetValue(_port);
        string? unix = parsed.GetValue(_unix);
        string? given = parsed.GetValue(_url);
        var nowhere = new BrokerUrl(new WireTarget("localhost", WireTarget.DefaultPort), null, null, null);
        if (given is not null && (host is not null || port is not null || unix is not null))
            problems.Add("-L says where the broker is; leave -h, -p and --unix out");
        if (unix is not null && (host is not null || port is not null))
            problems.Add("--unix says where the broker is; leave -h and -p out");

        // Credentials of the environment's URL belong to its broker and to no other.
        if (given is null && host is null && port is null && unix is null)
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
            return nowhere with { Target = new WireTarget("", 0, Path.GetFullPath(unix)) };
        if (given is not null)
        {
            if (BrokerUrl.TryParse(given, out string wrong) is { } known)
                return known;
            problems.Add($"-L {wrong}");
            return nowhere;
        }

        int number = WireTarget.DefaultPort;
        if (port is not null && !BrokerUrl.TryParsePort(port, out number))
            problems.Add($"-p must be a number from 1 to 65535, not '{port}'");
        if (host is { Length: 0 })
            problems.Add("-h must not be empty");
        return nowhere with { Target = new WireTarget((host ?? "localhost").Trim('[', ']'), number) };
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

    private WireMessage? ReadWill(ParseResult parsed, PropertySets properties, List<string> problems)
    {
        string? topic = parsed.GetValue(_willTopic);
        if (topic is null)
        {
            bool isWanted = parsed.GetValue(_willPayload) is not null || parsed.GetValue(_willQoS) is not null || parsed.GetValue(_willRetain);
            if (isWanted || !properties[PropertyScope.Will].IsEmpty)
                problems.Add("a will needs --will-topic");
            return null;
        }

        if (!TopicName.IsValid(WireText.Encode(topic)))
            problems.Add($"--will-topic '{topic}' is not a topic name: it must not be empty or contain + or #");
        byte[] payload = WireText.Encode(parsed.GetValue(_willPayload) ?? "");
        if (payload.Length > ushort.MaxValue)
            problems.Add("--will-payload has more than 65535 bytes");
        return new WireMessage(topic, payload, (QoS)ReadNumber(parsed, _willQoS, 0, 2, 0, problems), parsed.GetValue(_willRetain));
    }
}
