"""What is measured, and what of it stands in the table."""


class Measurement:
    """One run of `whimbrel bench`. A fresh one starts its broker anew, because what is measured is what the broker adds; `warm_up` is
    how many (of what `of` counts) come before, so that it is neither the compiling nor what a heap begins with."""

    def __init__(self, name, *arguments, of=None, warm_up=0, rounds_max=3):
        self.name = name
        self.arguments = list(arguments)
        self.is_fresh = of is not None
        self.rounds_max = rounds_max
        self.warm_up_arguments = list(arguments)
        if self.is_fresh:
            self.warm_up_arguments[self.arguments.index(of) + 1] = str(warm_up)


class Row:
    """One line of the table; `bar` and `reference` are what Whimbrel and Debian's Mosquitto 2.0.11 had where the bar was set, if one was."""

    def __init__(self, title, measurement, read, bar=None, reference=None, unit="us"):
        self.title = title
        self.name = f"{measurement} {title}"
        self.measurement = measurement
        self.read = read
        self.bar = bar
        self.reference = reference
        self.unit = unit


def cpu(report):
    return (report.get("broker") or {}).get("cpuMicrosecondsPerMessage")


def latency(percentile):
    return lambda report: (report.get("latencyMicroseconds") or {}).get(percentile)


def connection_bytes(report):
    return (report.get("broker") or {}).get("bytesPerConnection") or sum_of(report, "brokerBytesEach", "connect clients", "subscribe")


def sum_of(report, member, *stages):
    values = [stage.get(member) for stage in report["stages"] if stage["name"] in stages]
    return sum(values) if values and None not in values else None


def stage(name, member):
    return lambda report: sum_of(report, member, name)


MEASUREMENTS = [
    Measurement("pairs-10-q0", "pairs", "--clients", "10"),
    Measurement("pairs-100-q0", "pairs", "--clients", "100"),
    Measurement("pairs-10-q1", "pairs", "--clients", "10", "--qos", "1"),
    # Mosquitto ends connections with more than 20 QoS 2 messages on their way.
    Measurement("pairs-10-q2", "pairs", "--clients", "10", "--qos", "2", "--window", "20"),
    Measurement("pairs-10-4k", "pairs", "--clients", "10", "--payload", "4096"),
    Measurement("fanout-q0", "fanout", "--subscribers", "500", "--payload", "256"),
    Measurement("fanout-q1", "fanout", "--subscribers", "500", "--payload", "256", "--qos", "1"),
    Measurement("fanin", "fanin", "--clients", "100"),
    Measurement("shared-q1", "shared", "--subscribers", "10", "--payload", "256", "--qos", "1"),
    Measurement("paced", "pairs", "--clients", "10", "--rate", "1000"),
    Measurement("idle", "conn", "--clients", "9000", of="--clients", warm_up=300),
    Measurement("idle-subscribed", "conn", "--clients", "9000", "--count", "1", of="--clients", warm_up=300),
    Measurement("subscriptions", "subs", "--count", "100000", of="--count", warm_up=2000, rounds_max=2),
    Measurement("retained", "retained", "--count", "100000", "--payload", "256", "--qos", "1", of="--count", warm_up=2000, rounds_max=2),
    Measurement("offline", "offline", "--clients", "10", "--count", "100000", "--payload", "256", "--qos", "1", of="--count", warm_up=2000, rounds_max=2),
]

ROWS = [
    Row("10 pairs, QoS 0, 16 B", "pairs-10-q0", cpu, 0.25, 7.2),
    Row("100 pairs, QoS 0, 16 B", "pairs-100-q0", cpu, 0.60, 7.5),
    Row("10 pairs, QoS 1, 16 B", "pairs-10-q1", cpu, 0.50, 16.8),
    Row("10 pairs, QoS 2, 16 B, window 20", "pairs-10-q2", cpu, 0.90, 28.4),
    Row("10 pairs, QoS 0, 4 KB", "pairs-10-4k", cpu, 1.3, 12.3),
    Row("fan-out 1 to 500, QoS 0, 256 B", "fanout-q0", cpu, 0.9, 13.0),
    Row("fan-out 1 to 500, QoS 1, 256 B", "fanout-q1", cpu, 1.6, 17.1),
    Row("fan-in 100 to 1, QoS 0, 16 B", "fanin", cpu, 0.30, 5.2),
    Row("shared group of 10, QoS 1, 256 B", "shared-q1", cpu, 0.65, 16.3),
    Row("10 pairs at 10,000 msg/s, QoS 0", "paced", cpu, 13, 19),
    Row("its latency, median", "paced", latency("p50")),
    Row("its latency, p99", "paced", latency("p99")),
    Row("idle connection", "idle", connection_bytes, 700, 730, "B"),
    Row("idle connection with a subscription", "idle-subscribed", connection_bytes, 1000, 1760, "B"),
    Row("connect, CPU", "idle", stage("connect clients", "brokerCpuMicrosecondsEach"), 35, 52),
    Row("distinct subscription", "subscriptions", stage("subscribe", "brokerBytesEach"), 200, None, "B"),
    Row("retained message, 256 B", "retained", stage("keep", "brokerBytesEach"), 450, None, "B"),
    Row("queued for an absent session, 256 B", "offline", stage("store", "brokerBytesEach"), 350, None, "B"),
    Row("the same stored, CPU", "offline", stage("store", "brokerCpuMicrosecondsEach"), 1.5, None),
    Row("the same drained, CPU", "offline", stage("drain", "brokerCpuMicrosecondsEach"), 1.0, None),
]
