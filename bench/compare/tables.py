"""The table, for the terminal and for bench/RESULTS.md."""
import datetime
import os
import platform
import subprocess

from brokers import versions

OURS = ("whimbrel", "whimbrel-aot")
REFERENCE = "mosquitto"


def number(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def ratio(value, reference):
    return "-" if value is None or not reference else f"{value / reference:.3f}"


def cells(row, brokers, results):
    """One line: the medians, our ratios to the reference, and the bar."""
    reference = results.median(REFERENCE, row) if REFERENCE in brokers else None
    line = [f"{row.title} ({row.unit})"]
    for broker in brokers:
        mark = "*" if (broker, row.measurement) in results.notes else "!" if (broker, row.measurement) in results.failures else ""
        line.append(number(results.median(broker, row)) + mark)
    line += [ratio(results.median(broker, row), reference) for broker in OURS if broker in brokers]
    line.append(ratio(row.bar, row.reference) if row.reference else f"{number(row.bar)} {row.unit}" if row.bar else "-")
    return line


def heads(brokers):
    return ["", *brokers, *[f"{broker} / {REFERENCE}" for broker in OURS if broker in brokers], "bar"]


def text(rows, brokers, results):
    lines = [heads(brokers), *[cells(row, brokers, results) for row in rows]]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join("  ".join(cell.ljust(width) if i == 0 else cell.rjust(width) for i, (cell, width) in enumerate(zip(line, widths))) for line in lines)


def machine(root, out):
    cpu = "unknown"
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                cpu = line.split(":", 1)[1].strip()
                break
    with open("/proc/meminfo") as file:
        memory = int(file.readline().split()[1]) / 1024 / 1024

    def ask(*command):
        return subprocess.run(command, cwd=root, capture_output=True, text=True).stdout.strip()

    return {
        "processor": f"{cpu}, {os.cpu_count()} cores for this machine, shared by brokers and load",
        "memory": f"{memory:.0f} GB",
        "kernel": f"{platform.system()} {platform.release()}",
        ".NET": ask("dotnet", "--version") + " (SDK), " + ", ".join(
            line.split()[1] for line in ask("dotnet", "--list-runtimes").splitlines() if line.startswith("Microsoft.NETCore.App")),
        "revision": ask("cat", os.path.join(out, "revision")) or "unknown",
        "load average at the end": " ".join(f"{value:.1f}" for value in os.getloadavg()),
        "measured": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
    }


def markdown(rows, present, results, described, out, options):
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    brokers = list(present)
    lines = [
        "# Results",
        "",
        "Written by `bench/compare/compare.py`; do not edit. Medians of "
        f"{options.rounds} rounds of {options.seconds:g} s in which the brokers took turns. From idle connections on: at most 3 rounds, each with a broker",
        "started anew, that has served a few hundred clients or messages first: what is compiled and what a heap begins with are not counted.",
        "CPU is the broker's, all its threads, per message in plus out. MQTT 3.1.1, closed loop, everything in memory, loopback, one",
        "load process. Compare the ratios: microseconds belong to this machine and this hour. The bar is the ratio to Mosquitto 2.0.11 that is aimed at,",
        "or an absolute figure where that one was not measured. Mosquitto as it comes has no TCP_NODELAY: at a low rate it sends less often and later, and what",
        "that spares it stands in the two rows of latency.",
        "",
        "| machine | |",
        "|---|---|",
        *[f"| {name} | {value} |" for name, value in described.items()],
        *[f"| {title} | {version} |" for title, version in versions(present, out, root)],
        "",
        "| " + " | ".join(heads(brokers)) + " |",
        "|---" * len(heads(brokers)) + "|",
        *["| " + " | ".join(cells(row, brokers, results)) + " |" for row in rows],
        "",
        "## Spread (least to most)",
        "",
        "| | " + " | ".join(brokers) + " |",
        "|---" * (len(brokers) + 1) + "|",
    ]
    for row in rows:
        spreads = [results.spread(broker, row) for broker in brokers]
        lines.append(f"| {row.title} ({row.unit}) | " + " | ".join(f"{number(s[0])} to {number(s[1])}" if s else "-" for s in spreads) + " |")
    remarks = [f"`*` {broker}, {name}: {note}" for (broker, name), note in results.notes.items()]
    remarks += [f"`!` {broker}, {name}: {why}" for (broker, name), why in results.failures.items()]
    if remarks:
        lines += ["", "## Remarks", "", *[f"- {remark}" for remark in remarks]]
    return "\n".join(lines) + "\n"
