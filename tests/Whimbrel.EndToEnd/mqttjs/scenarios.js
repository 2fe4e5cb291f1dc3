// What an MQTT.js client sees. Usage: node scenarios.js PORT VERSION SCENARIO; exits 0 and prints one line when it holds.
// VERSION is 3 (MQTT 3.1), 4 (3.1.1) or 5. Every wait has an end.
'use strict';
const assert = require('node:assert');
const crypto = require('node:crypto');
const mqtt = require('mqtt');

const [port, version, name] = [Number(process.argv[2]), Number(process.argv[3]), process.argv[4]];
const limit = setTimeout(() => { console.error(`${name}: no end within 60 s`); process.exit(1); }, 60000);
const unique = (text) => `${text}-${crypto.randomBytes(4).toString('hex')}`;

class Inbox {
  messages = [];
  waiting = [];
  add(message) { (this.waiting.shift() ?? ((m) => this.messages.push(m)))(message); }
  async take(count) {
    const taken = [];
    while (taken.length < count)
      taken.push(this.messages.shift() ?? await new Promise((resolve) => this.waiting.push(resolve)));
    return taken;
  }
}

async function open(clientId, options = {}) {
  const inbox = new Inbox();
  const client = mqtt.connect({
    host: '127.0.0.1', port, clientId, protocolVersion: version, protocolId: version === 3 ? 'MQIsdp' : 'MQTT', clean: true, reconnectPeriod: 0, ...options,
  });
  client.on('message', (topic, payload, packet) => inbox.add({ topic, payload, qos: packet.qos, retain: packet.retain }));
  const connack = await new Promise((resolve, reject) => { client.once('connect', resolve); client.once('error', reject); });
  return { client, inbox, connack, subscribe: (topic, qos) => client.subscribeAsync(topic, { qos }), publish: (topic, payload, options) => client.publishAsync(topic, payload, options), take: (n) => inbox.take(n) };
}

const scenarios = {
  async wildcards(root) {
    const [subscriber, publisher] = [await open(unique('s')), await open(unique('p'))];
    await subscriber.subscribe(`${root}/+/temp`, 1);
    await publisher.publish(`${root}/kitchen/hum`, 'no', { qos: 1 });
    await publisher.publish(`${root}/kitchen/temp`, '21', { qos: 1 });
    const [message] = await subscriber.take(1);
    assert.deepStrictEqual([message.topic, message.payload.toString()], [`${root}/kitchen/temp`, '21']);
  },

  async qos_with_large_payloads(root) {
    const [subscriber, publisher] = [await open(unique('s')), await open(unique('p'))];
    await subscriber.subscribe(`${root}/#`, 2);
    for (const qos of [0, 1, 2]) {
      const payload = crypto.randomBytes(256 * 1024);
      await publisher.publish(`${root}/${qos}`, payload, { qos });
      const [message] = await subscriber.take(1);
      assert.strictEqual(message.qos, qos);
      assert.ok(message.payload.equals(payload));
    }
  },

  async retained(root) {
    const publisher = await open(unique('p'));
    await publisher.publish(`${root}/a`, 'kept', { qos: 1, retain: true });
    await publisher.publish(`${root}/b`, 'gone', { qos: 1, retain: true });
    await publisher.publish(`${root}/b`, '', { qos: 1, retain: true });
    const subscriber = await open(unique('s'));
    await subscriber.subscribe(`${root}/#`, 1);
    const [message] = await subscriber.take(1);
    assert.deepStrictEqual([message.topic, message.payload.toString(), message.retain], [`${root}/a`, 'kept', true]);
  },

  async will(root) {
    const watcher = await open(unique('w'));
    await watcher.subscribe(`${root}/will`, 1);
    const polite = await open(unique('polite'), { will: { topic: `${root}/will`, payload: 'polite', qos: 1 } });
    await polite.client.endAsync();
    const victim = await open(unique('victim'), { will: { topic: `${root}/will`, payload: 'killed', qos: 1 } });
    victim.client.stream.destroy();
    const [message] = await watcher.take(1);
    assert.strictEqual(message.payload.toString(), 'killed');
  },

  async offline_messages_in_order(root) {
    const id = unique('sleeper');
    const lasting = { clean: false, properties: version === 5 ? { sessionExpiryInterval: 600 } : undefined };
    const sleeper = await open(id, lasting);
    await sleeper.subscribe(`${root}/#`, 1);
    await sleeper.client.endAsync();
    const publisher = await open(unique('p'));
    for (let i = 0; i < 1000; i++)
      await publisher.publish(`${root}/t`, String(i), { qos: 1 });
    const awake = await open(id, lasting);
    assert.ok(awake.connack.sessionPresent || version === 3, 'session present');
    const numbers = (await awake.take(1000)).map((m) => Number(m.payload));
    assert.deepStrictEqual(numbers, [...Array(1000).keys()]);
  },

  async shared(root) {
    const members = await Promise.all([1, 2, 3].map(() => open(unique('m'))));
    for (const member of members)
      await member.subscribe(`$share/group/${root}/#`, 1);
    const publisher = await open(unique('p'));
    for (let i = 0; i < 300; i++)
      await publisher.publish(`${root}/t`, String(i), { qos: 1 });
    // The rest arrives while we wait for the total.
    while (members.reduce((sum, m) => sum + m.inbox.messages.length, 0) < 300)
      await new Promise((resolve) => setImmediate(resolve));
    const counts = members.map((m) => m.inbox.messages.length);
    assert.ok(Math.min(...counts) > 0, counts.join(' '));
  },

  async many_retained(root) {
    const publisher = await open(unique('p'));
    await Promise.all([...Array(5000).keys()].map((i) => publisher.publish(`${root}/${i}/config`, `config ${i}`, { qos: 1, retain: true })));
    const subscriber = await open(unique('s'));
    await subscriber.subscribe(`${root}/+/config`, 1);
    assert.strictEqual(new Set((await subscriber.take(5000)).map((m) => m.topic)).size, 5000);
  },
};

scenarios[name](unique(name)).then(
  () => { clearTimeout(limit); console.log(`ok ${name} with MQTT.js, MQTT ${version}`); process.exit(0); },
  (error) => { console.error(error); process.exit(1); },
);
