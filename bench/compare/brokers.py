"""The brokers that are compared: how each is started, on loopback and with everything in memory."""
import os
import re
import shutil
import socket
import subprocess
import time


class Broker:
    """What differs between brokers. `lacks` names measurements that it has no answer to."""

    def __init__(self, title, program, command, version, lacks=(), environment=None):
        self.title = title
        self.program = program
        self.command = command
        self.version = version
        self.lacks = frozenset(lacks)
        self.environment = environment or {}

    def find(self, out):
        """The program's path, or None."""
        path = self.program.format(out=out)
        return path if os.path.exists(path) else shutil.which(os.path.basename(path))

    def version_of(self, out):
        said = subprocess.run([self.find(out), *self.version], capture_output=True, text=True) if self.version else None
        lines = (said.stdout or said.stderr).strip().splitlines() if said else []
        return lines[0] if lines else ""


class Running:
    """A broker's process. It is ended by `end`, and nothing else is."""

    def __init__(self, broker, out, directory):
        os.makedirs(directory, exist_ok=True)
        self.port = free_port()
        command = broker.command(broker.find(out), self.port, directory)
        # Into a file: a full pipe would stop it.
        self._log = open(os.path.join(directory, "log"), "w")
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, env={**os.environ, **broker.environment})
        deadline = time.monotonic() + 20
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.end()
                with open(os.path.join(directory, "log")) as log:
                    raise RuntimeError(f"{broker.title} does not start: {log.read()[-2000:]}")
            time.sleep(0.05)

    @property
    def pid(self):
        return self._process.pid

    @property
    def is_alive(self):
        return self._process.poll() is None

    def end(self):
        if self.is_alive:
            self._process.terminate()
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._log.close()

    def _answers(self):
        """Whether a client gets its CONNACK."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 2) as client:
                client.sendall(b"\x10\x10\x00\x04MQTT\x04\x02\x00\x00\x00\x04here")
                return client.recv(4) == b"\x20\x02\x00\x00"
        except OSError:
            return False


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def whimbrel(program, port, _):
    return [program, "serve", "--in-memory", "--listen", f"mqtt://127.0.0.1:{port}"]


def mosquitto(program, port, directory):
    path = os.path.join(directory, "mosquitto.conf")
    with open(path, "w") as file:
        # Its defaults, but for queues without a bound: a measurement would count what never arrives.
        file.write(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nmax_queued_messages 0\nlog_type error\n")
        if os.geteuid() == 0:
            file.write("user root\n")
    return [program, "-c", path]


def nats(program, port, directory):
    path = os.path.join(directory, "nats.conf")
    with open(path, "w") as file:
        file.write(f'server_name: compare\nhost: "127.0.0.1"\nport: {free_port()}\njetstream {{ store_dir: "{directory}/js" }}\n'
                   f'mqtt {{ host: "127.0.0.1", port: {port}, max_ack_pending: 65535 }}\n')
    return [program, "-c", path]


UNBOUNDED = {"WHIMBREL__LIMITS__OUTBOXMESSAGESMAX": "1000000", "WHIMBREL__LIMITS__OUTBOXBYTESMAX": "4000000000"}

BROKERS = {
    "whimbrel": Broker("Whimbrel (JIT)", "{out}/jit/whimbrel", whimbrel, ["--version"], environment=UNBOUNDED),
    "whimbrel-aot": Broker("Whimbrel (AOT)", "{out}/aot/whimbrel", whimbrel, ["--version"], environment=UNBOUNDED),
    "mosquitto": Broker("Mosquitto", "/usr/sbin/mosquitto", mosquitto, ["-h"]),
    "mqttnet": Broker("MQTTnet", "{out}/mqttnet/MqttNetHost", lambda program, port, _: [program, str(port)], None, lacks=["shared-q1"]),
    # Shared subscriptions it has none, QoS 2 from 2.10 on.
    "nats": Broker("NATS", "/usr/sbin/nats-server", nats, ["--version"], lacks=["shared-q1", "pairs-10-q2"]),
}


def versions(present, out, root):
    for name, broker in present.items():
        version = broker.version_of(out)
        if name == "mqttnet":
            with open(os.path.join(root, "Directory.Packages.props")) as file:
                version = re.search(r'"MQTTnet.Server" Version="([^"]+)"', file.read()).group(1)
        yield broker.title, version
