using Spectre.Console;

namespace Whimbrel.Cli.Commands;

/// <summary>Rows under headings, as plain text: no colours, no lines, no broken values, because people pipe it into grep.</summary>
internal sealed class TextTable
{
    private const int Wide = 10_000;

    private readonly Table _table = new Table().Border(TableBorder.None);

    public TextTable(params string[] headings) => _table.AddColumns(headings);

    public void Add(params string[] cells) => _table.AddRow(cells.Select(cell => new Text(Printable(cell))));

    public override string ToString()
    {
        using var text = new StringWriter();
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.No,
            ColorSystem = ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.No,
            Out = new AnsiConsoleOutput(text),
        });
        console.Profile.Width = Wide;
        console.Write(_table);
        return string.Join('\n', text.ToString().TrimEnd().Split('\n').Select(line => line.TrimEnd()));
    }

    /// <summary>Names come from clients: they must not steer the terminal.</summary>
    private static string Printable(string cell) => cell.Any(char.IsControl) ? string.Concat(cell.Select(c => char.IsControl(c) ? '\uFFFD' : c)) : cell;
}
