#!/usr/bin/env python3
"""Measures Whimbrel beside other brokers on this machine and writes bench/RESULTS.md.

    bench/compare/compare.py [--rounds N] [--seconds S] [--only ROW,...] [--brokers NAME,...] [--raw FILE] [--no-build]

Builds Whimbrel twice (with the runtime's compiler and ahead of time) and the host of MQTTnet's server, starts every broker that is
there on loopback, runs the scenarios of `whimbrel bench` with the brokers taking turns, and prints medians and their ratios to
Mosquitto. Ends nothing but what it started. Machines differ: read the ratios, not the microseconds.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from brokers import BROKERS, Running
from rows import MEASUREMENTS, ROWS
from tables import machine, markdown, text

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OUT = os.path.join(ROOT, "bench", "compare", "bin")


def build():
    publish = ["dotnet", "publish", "-c", "Release", "-v", "q", "-nologo", "-o"]
    ahead = ["-p:PublishAot=true", "-p:PublishSingleFile=false", "-p:SelfContained=true"]
    for name, project, options in (
            ("jit", "src/Whimbrel.Cli", ["-r", "linux-x64"]),
            ("aot", "src/Whimbrel.Cli", ["-r", "linux-x64", *ahead]),
            ("mqttnet", "bench/MqttNetHost", [])):
        print(f"building {name}", file=sys.stderr)
        subprocess.run([*publish, os.path.join(OUT, name), project, *options], cwd=ROOT, check=True, stdout=sys.stderr)
    # What is measured later is this, whatever the tree is by then.
    revision = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True).stdout
    with open(os.path.join(OUT, "revision"), "w") as file:
        file.write(revision)


def bench(broker, arguments, seconds, warmup):
    """The report of one run of whimbrel bench, or a string that says why there is none."""
    # MQTT 3.1.1 is what all of them speak.
    command = [os.path.join(OUT, "aot", "whimbrel"), "bench", *arguments, "-V", "3.1.1", "--host", "127.0.0.1", "--port", str(broker.port),
               "--pid", str(broker.pid), "--duration", str(seconds), "--warmup", str(warmup), "--json"]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=90 + seconds, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return "it did not end in time"
    try:
        report = json.loads(run.stdout)
    except json.JSONDecodeError:
        said = (run.stderr or run.stdout).strip().splitlines()
        return said[-1] if said else f"exit code {run.returncode}"
    checks = report["checks"]
    if report["ended"] != "completed" or checks["disconnected"] > 0:
        return checks.get("disconnectReason") or report["ended"]
    return report


class Results:
    def __init__(self, raw):
        self._values = {}
        self.failures = {}
        self.notes = {}
        self._raw = raw

    def add(self, broker, measurement, report):
        if isinstance(report, str):
            self.failures[broker, measurement] = report
            print(f"  {broker}, {measurement}: {report}", file=sys.stderr)
            return
        if self._raw:
            self._raw.write(json.dumps({"broker": broker, "measurement": measurement, "report": report}) + "\n")
            self._raw.flush()
        lost = report["checks"]["lost"]
        if lost and report["settings"]["qos"] > 0:
            self.notes[broker, measurement] = f"{lost} messages lost"
        for row in ROWS:
            if row.measurement == measurement and (value := row.read(report)) is not None:
                self._values.setdefault((broker, row.name), []).append(value)

    def median(self, broker, row):
        values = self._values.get((broker, row.name))
        return statistics.median(values) if values else None

    def spread(self, broker, row):
        values = self._values.get((broker, row.name), [])
        return (min(values), max(values)) if values else None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="how often everything is measured; 5")
    parser.add_argument("--seconds", type=float, default=4, help="how long each measurement takes; 4")
    parser.add_argument("--only", help="measurements, separated by commas: " + ", ".join(m.name for m in MEASUREMENTS))
    parser.add_argument("--brokers", help="brokers, separated by commas: " + ", ".join(BROKERS))
    parser.add_argument("--raw", help="append every report to this file, one JSON object a line")
    parser.add_argument("--no-build", action="store_true", help="take what was built last time")
    parser.add_argument("--results", default=os.path.join(ROOT, "bench", "RESULTS.md"), help="where the table goes")
    options = parser.parse_args()
    if not options.no_build:
        build()
    names = options.brokers.split(",") if options.brokers else list(BROKERS)
    wanted = options.only.split(",") if options.only else [m.name for m in MEASUREMENTS]
    measurements = [m for m in MEASUREMENTS if m.name in wanted]
    present = {name: BROKERS[name] for name in names if BROKERS[name].find(OUT)}
    for name in names:
        if name not in present:
            print(f"{name} is not there: left out", file=sys.stderr)

    raw = open(options.raw, "a") if options.raw else None
    results = Results(raw)
    root = tempfile.mkdtemp(prefix="whimbrel-compare-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
    lasting = {}
    try:
        for name, broker in present.items():
            lasting[name] = Running(broker, OUT, os.path.join(root, name))
        steady = [m for m in measurements if not m.is_fresh]
        # Nobody is measured while the runtime still compiles.
        for measurement in steady:
            for name in present:
                if measurement.name not in present[name].lacks:
                    bench(lasting[name], measurement.arguments, 2, 0)
        for turn in range(options.rounds):
            for measurement in measurements:
                if measurement.is_fresh and turn >= measurement.rounds_max:
                    continue
                for name, broker in present.items():
                    if measurement.name in broker.lacks:
                        continue
                    print(f"round {turn + 1} of {options.rounds}: {measurement.name}, {name}", file=sys.stderr)
                    if measurement.is_fresh:
                        fresh = Running(broker, OUT, os.path.join(root, f"{name}-fresh"))
                        try:
                            # Three times: what is called often is compiled twice more, each time a little later and beside the program.
                            for _ in range(3):
                                bench(fresh, measurement.warm_up_arguments, 1, 0)
                                time.sleep(1)
                            report = bench(fresh, measurement.arguments, 1, 1)
                        finally:
                            fresh.end()
                    else:
                        if not lasting[name].is_alive:
                            lasting[name].end()
                            lasting[name] = Running(broker, OUT, os.path.join(root, name))
                        report = bench(lasting[name], measurement.arguments, options.seconds, 1)
                    results.add(name, measurement.name, report)
    finally:
        for running in lasting.values():
            running.end()
        shutil.rmtree(root, ignore_errors=True)
        if raw:
            raw.close()

    rows = [row for row in ROWS if any(row.measurement == m.name for m in measurements)]
    print(text(rows, list(present), results))
    with open(options.results, "w") as file:
        file.write(markdown(rows, present, results, machine(ROOT, OUT), OUT, options))
    print(f"written to {os.path.relpath(options.results, os.getcwd())}", file=sys.stderr)


if __name__ == "__main__":
    main()
