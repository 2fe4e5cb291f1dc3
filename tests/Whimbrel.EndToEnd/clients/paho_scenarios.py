"""What a paho-python client sees. Usage: paho_scenarios.py PORT VERSION SCENARIO; exits 0 and prints one line when it holds.

VERSION is 3 (MQTT 3.1), 4 (3.1.1) or 5. Every wait has an end; nothing sleeps to wait.
"""
import os
import queue
import socket
import sys
import uuid

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

PORT, VERSION = int(sys.argv[1]), int(sys.argv[2])
TIMEOUT = 30


class Client:
    def __init__(self, name, clean=True, will=None):
        self.messages = queue.Queue()
        self.connected = queue.Queue()
        self.acknowledged = queue.Queue()
        arguments = {} if VERSION == 5 else {"clean_session": clean}
        self.paho = mqtt.Client(client_id=name, protocol=VERSION, **arguments)
        self.paho.on_connect = self._on_connect
        self.paho.on_message = lambda _c, _u, message: self.messages.put(message)
        self.paho.on_subscribe = lambda *_: self.acknowledged.put(True)
        self.paho.max_inflight_messages_set(100)
        if will:
            self.paho.will_set(*will)
        options = {}
        if VERSION == 5:
            options["clean_start"] = clean
            options["properties"] = Properties(PacketTypes.CONNECT)
            options["properties"].SessionExpiryInterval = 0 if clean else 600
        self.paho.connect("127.0.0.1", PORT, keepalive=30, **options)
        self.paho.loop_start()
        self.session_present, code = self.connected.get(timeout=TIMEOUT)
        assert code == 0, f"CONNACK {code}"

    def _on_connect(self, _client, _userdata, flags, code, properties=None):
        self.connected.put((flags["session present"], code if isinstance(code, int) else code.value))

    def subscribe(self, topic, qos):
        self.paho.subscribe(topic, qos)
        self.acknowledged.get(timeout=TIMEOUT)

    def publish(self, topic, payload, qos=0, retain=False):
        result = self.paho.publish(topic, payload, qos, retain)
        result.wait_for_publish(TIMEOUT)
        assert result.is_published(), f"{topic} was not acknowledged"

    def take(self, count):
        return [self.messages.get(timeout=TIMEOUT) for _ in range(count)]

    def close(self):
        self.paho.disconnect()
        self.paho.loop_stop()

    def kill(self):
        """Cuts the socket without DISCONNECT and without coming back."""
        self.paho._thread_terminate = True
        self.paho.socket().shutdown(socket.SHUT_RDWR)
        self.paho._thread.join(TIMEOUT)


def unique(name):
    return f"{name}-{uuid.uuid4().hex[:8]}"


def wildcards(root):
    subscriber, publisher = Client(unique("s")), Client(unique("p"))
    subscriber.subscribe(f"{root}/+/temp", 1)
    publisher.publish(f"{root}/kitchen/hum", "no", 1)
    publisher.publish(f"{root}/kitchen/temp", "21", 1)
    message, = subscriber.take(1)
    assert (message.topic, message.payload) == (f"{root}/kitchen/temp", b"21")


def qos_with_large_payloads(root):
    subscriber, publisher = Client(unique("s")), Client(unique("p"))
    subscriber.subscribe(f"{root}/#", 2)
    for qos in (0, 1, 2):
        payload = os.urandom(256 * 1024)
        publisher.publish(f"{root}/{qos}", payload, qos)
        message, = subscriber.take(1)
        assert message.qos == qos and message.payload == payload, f"QoS {qos}"


def retained(root):
    publisher = Client(unique("p"))
    publisher.publish(f"{root}/a", "kept", 1, retain=True)
    publisher.publish(f"{root}/b", "gone", 1, retain=True)
    publisher.publish(f"{root}/b", "", 1, retain=True)
    subscriber = Client(unique("s"))
    subscriber.subscribe(f"{root}/#", 1)
    message, = subscriber.take(1)
    assert (message.topic, message.payload, message.retain) == (f"{root}/a", b"kept", 1)


def will(root):
    watcher = Client(unique("w"))
    watcher.subscribe(f"{root}/will", 1)
    Client(unique("polite"), will=(f"{root}/will", "polite", 1)).close()
    Client(unique("victim"), will=(f"{root}/will", "killed", 1)).kill()
    message, = watcher.take(1)
    assert message.payload == b"killed", message.payload


def offline_messages_in_order(root):
    name = unique("sleeper")
    sleeper = Client(name, clean=False)
    sleeper.subscribe(f"{root}/#", 2)
    sleeper.close()
    publisher = Client(unique("p"))
    for i in range(1000):
        publisher.publish(f"{root}/t", str(i), 1 + i % 2)
    # Messages may arrive as soon as CONNACK has: paho hands them to on_message in order.
    sleeper = Client(name, clean=False)
    assert sleeper.session_present or VERSION == 3
    numbers = [int(message.payload) for message in sleeper.take(1000)]
    for qos in (0, 1):
        of_qos = [n for n in numbers if n % 2 == qos]
        assert of_qos == sorted(of_qos), f"order of QoS {qos + 1}"
    assert sorted(numbers) == list(range(1000))


def shared(root):
    everything = queue.Queue()
    members = [Client(unique("m")) for _ in range(3)]
    for number, member in enumerate(members):
        member.paho.on_message = lambda _c, _u, message, number=number: everything.put((number, message.payload))
        member.subscribe(f"$share/group/{root}/#", 1)
    publisher = Client(unique("p"))
    for i in range(300):
        publisher.publish(f"{root}/t", str(i), 1)
    got = [everything.get(timeout=TIMEOUT) for _ in range(300)]
    assert len({payload for _, payload in got}) == 300
    assert {number for number, _ in got} == {0, 1, 2}, "a member got nothing"


def many_retained(root):
    publisher = Client(unique("p"))
    results = [publisher.paho.publish(f"{root}/{i}/config", f"config {i}", 1, True) for i in range(5000)]
    for result in results:
        result.wait_for_publish(TIMEOUT)
    subscriber = Client(unique("s"))
    subscriber.subscribe(f"{root}/+/config", 1)
    topics = {message.topic for message in subscriber.take(5000)}
    assert len(topics) == 5000


scenario = globals()[sys.argv[3]]
scenario(unique(sys.argv[3]))
print(f"ok {sys.argv[3]} with paho, MQTT {VERSION}", flush=True)
os._exit(0)
