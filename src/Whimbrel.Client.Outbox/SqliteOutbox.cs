using Microsoft.Data.Sqlite;

namespace Whimbrel.Client.Outbox;

/// <summary>
/// An outbox in one SQLite file. Every write is one transaction with a full fsync, so what it has taken survives the process and the machine.
/// One client at a time: the file is locked while it is open.
/// </summary>
public sealed class SqliteOutbox : IMqttOutboxStore
{
    private const int Form = 1;

    private readonly string _path;
    private readonly Lock _lock = new();
    private SqliteConnection? _connection;
    private Statements? _statements;

    /// <param name="path">The file; it and its directory are made if they are not there.</param>
    public SqliteOutbox(string path)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        _path = Path.GetFullPath(path);
    }

    public ValueTask<MqttOutboxContent> LoadAsync(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            SqliteConnection connection = Open();
            var messages = new List<MqttStoredMessage>();
            using (SqliteCommand select = Command(connection, "SELECT key, body, packet, released FROM message ORDER BY key"))
            using (SqliteDataReader reader = select.ExecuteReader())
            {
                while (reader.Read())
                    messages.Add(new MqttStoredMessage(reader.GetInt64(0), reader.GetFieldValue<byte[]>(1), (ushort)reader.GetInt32(2), reader.GetInt32(3) != 0));
            }

            var received = new List<ushort>();
            using (SqliteCommand select = Command(connection, "SELECT packet FROM received"))
            using (SqliteDataReader reader = select.ExecuteReader())
            {
                while (reader.Read())
                    received.Add((ushort)reader.GetInt32(0));
            }

            return new ValueTask<MqttOutboxContent>(new MqttOutboxContent(messages, received));
        }
    }

    public ValueTask WriteAsync(IReadOnlyList<MqttOutboxChange> changes, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(changes);
        lock (_lock)
        {
            SqliteConnection connection = Open();
            using SqliteTransaction transaction = connection.BeginTransaction();
            foreach (MqttOutboxChange change in changes)
                _statements!.Apply(change, transaction);
            transaction.Commit();
        }

        return default;
    }

    public ValueTask DisposeAsync()
    {
        lock (_lock)
        {
            _statements?.Dispose();
            _statements = null;
            _connection?.Dispose();
            _connection = null;
        }

        return default;
    }

    private SqliteConnection Open()
    {
        if (_connection is not null)
            return _connection;
        if (Path.GetDirectoryName(_path) is { Length: > 0 } directory)
            Directory.CreateDirectory(directory);
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = _path, Pooling = false }.ToString());
        try
        {
            connection.Open();

            // Write-ahead with FULL: one fsync for a transaction, before it is said to be done.
            Execute(connection, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
            long form = Scalar(connection, "PRAGMA user_version");
            if (form > Form)
                throw new InvalidOperationException($"{_path} was written by a later version ({form}).");
            Execute(connection, $"""
                BEGIN IMMEDIATE;
                CREATE TABLE IF NOT EXISTS message (key INTEGER PRIMARY KEY, body BLOB NOT NULL, packet INTEGER NOT NULL DEFAULT 0, released INTEGER NOT NULL DEFAULT 0);
                CREATE TABLE IF NOT EXISTS received (packet INTEGER PRIMARY KEY);
                PRAGMA user_version = {Form};
                COMMIT;
                """);
            _statements = new Statements(connection);
            return _connection = connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    private static void Execute(SqliteConnection connection, string sql)
    {
        using SqliteCommand command = Command(connection, sql);
        command.ExecuteNonQuery();
    }

    private static long Scalar(SqliteConnection connection, string sql)
    {
        using SqliteCommand command = Command(connection, sql);
        return (long)command.ExecuteScalar()!;
    }

    private static SqliteCommand Command(SqliteConnection connection, string sql)
    {
        SqliteCommand command = connection.CreateCommand();
#pragma warning disable CA2100 // Every text is a constant of this file.
        command.CommandText = sql;
#pragma warning restore CA2100
        return command;
    }

    /// <summary>One prepared statement for each kind of change.</summary>
    private sealed class Statements : IDisposable
    {
        private readonly Dictionary<MqttOutboxChangeKind, SqliteCommand> _commands = [];

        public Statements(SqliteConnection connection)
        {
            Prepare(MqttOutboxChangeKind.Add, "INSERT OR REPLACE INTO message (key, body) VALUES ($key, $body)");
            Prepare(MqttOutboxChangeKind.Assign, "UPDATE message SET packet = $packet WHERE key = $key");
            Prepare(MqttOutboxChangeKind.Release, "UPDATE message SET released = 1, body = x'' WHERE key = $key");
            Prepare(MqttOutboxChangeKind.Remove, "DELETE FROM message WHERE key = $key");
            Prepare(MqttOutboxChangeKind.Received, "INSERT OR IGNORE INTO received (packet) VALUES ($packet)");
            Prepare(MqttOutboxChangeKind.Forget, "DELETE FROM received WHERE packet = $packet");
            Prepare(MqttOutboxChangeKind.NewSession, "DELETE FROM received; DELETE FROM message WHERE released = 1; UPDATE message SET packet = 0 WHERE packet <> 0");

            void Prepare(MqttOutboxChangeKind kind, string sql)
            {
                SqliteCommand command = Command(connection, sql);
                foreach ((string name, SqliteType type) in new[] { ("$key", SqliteType.Integer), ("$packet", SqliteType.Integer), ("$body", SqliteType.Blob) })
                {
                    if (sql.Contains(name, StringComparison.Ordinal))
                        command.Parameters.Add(name, type);
                }

                _commands.Add(kind, command);
            }
        }

        public void Apply(in MqttOutboxChange change, SqliteTransaction transaction)
        {
            SqliteCommand command = _commands[change.Kind];
            command.Transaction = transaction;
            foreach (SqliteParameter parameter in command.Parameters)
            {
                parameter.Value = parameter.ParameterName switch
                {
                    "$key" => change.Key,
                    "$packet" => (int)change.PacketId,
                    _ => change.Body.ToArray(),
                };
            }

            command.ExecuteNonQuery();
        }

        public void Dispose()
        {
            foreach (SqliteCommand command in _commands.Values)
                command.Dispose();
        }
    }
}
