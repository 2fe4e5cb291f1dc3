#!/usr/bin/env python3
"""How long a whimbrel takes until a client has its CONNACK, and what it then has in memory: start.py PATH [RUNS]

Medians over RUNS (20) starts, in memory, with a new store, and with the store that the start before has left.
"""
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time


CONNECT = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01s"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def memory(pid):
    fields = {}
    with open(f"/proc/{pid}/status") as status:
        for line in status:
            name, _, value = line.partition(":")
            if name in ("VmRSS", "RssAnon", "RssFile"):
                fields[name] = int(value.split()[0]) / 1024
    return fields


def start_once(command):
    """Milliseconds until a client is connected, and megabytes half a second later."""
    port = free_port()
    begun = time.perf_counter()
    broker = subprocess.Popen([*command, "--listen", f"mqtt://127.0.0.1:{port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while True:
            try:
                with socket.create_connection(("127.0.0.1", port)) as client:
                    # A listening socket completes connections before anybody accepts them: only an answer says that the broker is there.
                    client.sendall(CONNECT)
                    if client.recv(4) != b"\x20\x02\x00\x00":
                        sys.exit("no CONNACK")
                break
            except ConnectionRefusedError:
                if broker.poll() is not None:
                    sys.exit(f"it has ended: {' '.join(command)}")
                time.sleep(0.0002)
        taken = (time.perf_counter() - begun) * 1000
        time.sleep(0.5)
        return taken, memory(broker.pid)
    finally:
        broker.terminate()
        broker.wait(20)


def main():
    path, runs = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 20
    root = tempfile.mkdtemp(prefix="whimbrel-start-")
    kept = os.path.join(root, "kept")
    kinds = {
        "in memory": lambda i: ["--in-memory"],
        "new store": lambda i: ["--data", os.path.join(root, str(i))],
        "old store": lambda i: ["--data", kept],
    }
    try:
        start_once([path, "serve", "--data", kept])
        for name, options in kinds.items():
            results = [start_once([path, "serve", *options(i)]) for i in range(runs)]
            times = sorted(taken for taken, _ in results)
            rss, anon = (statistics.median(fields[key] for _, fields in results) for key in ("VmRSS", "RssAnon"))
            print(f"{name}: {statistics.median(times):.1f} ms ({times[0]:.1f} to {times[-1]:.1f}), RSS {rss:.1f} MB, of it its own {anon:.1f} MB")
    finally:
        shutil.rmtree(root)


main()
