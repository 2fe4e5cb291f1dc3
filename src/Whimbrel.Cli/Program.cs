using System.Collections;
using System.Runtime.InteropServices;
using System.Text;
using Whimbrel.Cli.Commands;
using Whimbrel.Cli.Messages;

var environment = new Dictionary<string, string>();
foreach (DictionaryEntry entry in Environment.GetEnvironmentVariables())
    environment[(string)entry.Key] = (string?)entry.Value ?? "";

// The console's own writer makes a system call of every 256 characters, which a broker's log is too long for.
const int errorBufferLength = 16 * 1024;
using var error = TextWriter.Synchronized(new StreamWriter(Console.OpenStandardError(), new UTF8Encoding(false), errorBufferLength) { AutoFlush = true });
long interruptedAt = 0;
using var interrupted = new CancellationTokenSource();
var context = new ToolContext
{
    Input = Console.OpenStandardInput,
    Output = () => new StandardOutput(),
    Error = error,
    IsErrorTerminal = !Console.IsErrorRedirected,
    Environment = environment,
    Interrupted = interrupted.Token,
};

// The host of serve handles its own signals.
bool isServing = args is ["serve", ..];
using var interrupt = isServing ? null : PosixSignalRegistration.Create(PosixSignal.SIGINT, Interrupt);
using var terminate = isServing ? null : PosixSignalRegistration.Create(PosixSignal.SIGTERM, Interrupt);
return await Tool.RunAsync(args, context);

void Interrupt(PosixSignalContext signal)
{
    // A later signal ends the process as if nobody had handled it. Later, because timeout(1) and terminals may send one twice.
    const int togetherMilliseconds = 500;
    long now = Environment.TickCount64;
    long first = Interlocked.CompareExchange(ref interruptedAt, now, 0);
    signal.Cancel = first == 0 || now - first < togetherMilliseconds;
    interrupted.Cancel();
}
