// One scenario with MQTT.js: `node mqttjs.mjs SCENARIO OPTIONS`, OPTIONS in JSON. It ends with
// status 0 if everything came as it should; what it prints is for the test to read.

import assert from "node:assert/strict";
import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import mqtt from "mqtt";

const [, , scenario, text] = process.argv;
const { url, cafile, topic, username, password, clientId, count, size, version, qos, goOn } = JSON.parse(text);
const BASE = { reconnectPeriod: 0, connectTimeout: 20_000, ...(cafile && { ca: readFileSync(cafile) }) };

function connect(options) {
  return mqtt.connectAsync(url, { ...BASE, ...options });
}

/** The next messages, as many as this. */
function messages(client, wanted) {
  const found = [];
  return new Promise((resolve, reject) => {
    client.on("error", reject);
    client.on("message", (name, payload, packet) => {
      found.push({ topic: name, payload, packet });
      if (found.length === wanted) resolve(found);
    });
  });
}

/** Every version of MQTT, every QoS, there and back. */
async function exchange() {
  for (const version of [3, 4, 5]) {
    const protocolId = version === 3 ? "MQIsdp" : "MQTT";
    const client = await connect({ protocolVersion: version, protocolId });
    const coming = messages(client, 3);
    await client.subscribeAsync(`${topic}/+`, { qos: 2 });
    for (const qos of [0, 1, 2]) await client.publishAsync(`${topic}/${qos}`, `${version}`, { qos });
    const found = (await coming).map((m) => [m.topic, m.payload.toString(), m.packet.qos]);
    assert.deepEqual(found, [0, 1, 2].map((qos) => [`${topic}/${qos}`, `${version}`, qos]));
    await client.endAsync();
  }
}

/** One message of so many bytes. */
async function large() {
  const client = await connect({ protocolVersion: 5 });
  const payload = randomBytes(size);
  const coming = messages(client, 1);
  await client.subscribeAsync(topic, { qos: 1 });
  await client.publishAsync(topic, payload, { qos: 1 });
  assert.ok((await coming)[0].payload.equals(payload));
  await client.endAsync();
}

/** Many messages at once, in order. */
async function burst() {
  for (const qos of [0, 1, 2]) {
    const client = await connect({ protocolVersion: 4 });
    const coming = messages(client, count);
    await client.subscribeAsync(`${topic}/${qos}`, { qos });
    const sent = Array.from({ length: count }, (_, number) => `${number}`);
    await Promise.all(sent.map((payload) => client.publishAsync(`${topic}/${qos}`, payload, { qos })));
    assert.deepEqual((await coming).map((m) => m.payload.toString()), sent);
    await client.endAsync();
  }
}

/** Properties of MQTT 5.0 both ways; MQTT.js sets Topic Aliases by itself. */
async function properties() {
  const options = { protocolVersion: 5, autoUseTopicAlias: true, autoAssignTopicAlias: true };
  const client = await connect({ ...options, properties: { topicAliasMaximum: 5 } });
  const given = {
    contentType: "text/plain",
    correlationData: Buffer.from([0, 1, 2]),
    messageExpiryInterval: 100,
    payloadFormatIndicator: true,
    responseTopic: `${topic}/answer`,
    userProperties: { first: ["1", "3"], second: "2" },
  };
  const coming = messages(client, 3);
  await client.subscribeAsync(topic, { qos: 1, properties: { subscriptionIdentifier: 268435455 } });
  for (const payload of "abc") await client.publishAsync(topic, payload, { qos: 1, properties: { ...given } });
  const found = await coming;
  assert.equal(found.map((m) => m.payload.toString()).join(""), "abc");
  for (const { topic: name, packet } of found) {
    assert.equal(name, topic);
    const { topicAlias, messageExpiryInterval, userProperties, ...others } = packet.properties;
    assert.ok(topicAlias > 0);
    assert.ok(messageExpiryInterval > 0 && messageExpiryInterval <= 100);
    assert.deepEqual({ ...userProperties }, given.userProperties);
    const { messageExpiryInterval: _, userProperties: __, ...same } = given;
    assert.deepEqual({ ...others }, { ...same, subscriptionIdentifier: 268435455 });
  }
  await client.endAsync();
}

/** A Session that outlasts its Network Connection. */
async function resume() {
  for (const version of [4, 5]) {
    const options = { protocolVersion: version, clean: false, clientId: `${clientId}-${version}` };
    if (version === 5) options.properties = { sessionExpiryInterval: 300 };
    const first = await connect(options);
    await first.subscribeAsync(topic, { qos: 2 });
    await first.endAsync();
    const writer = await connect({});
    for (const qos of [1, 2]) await writer.publishAsync(topic, `${qos}`, { qos });
    const again = mqtt.connect(url, { ...BASE, ...options });
    const connack = new Promise((resolve) => again.on("connect", resolve));
    const found = await messages(again, 2);
    assert.equal((await connack).sessionPresent, true);
    assert.deepEqual(found.map((m) => m.payload.toString()), ["1", "2"]);
    await again.endAsync();
    await writer.endAsync();
  }
}

/** Connects, tells so, and waits to be killed: its Will is what the test is about. */
async function victim() {
  await connect({ clientId, protocolVersion: 5, will: { topic, payload: "gone", qos: 1 } });
  console.log("connected");
}

/**
 * Messages on their way through several lives of the broker, which is ended whenever it is said that they were
 * sent; the Clients come back by themselves. At QoS 2 each arrives once and in order, at QoS 1 at least once.
 * Where they go on until it is killed, one that is acknowledged is followed by another: some are on their way.
 */
async function lives() {
  const properties = version === 5 ? { properties: { sessionExpiryInterval: 300 } } : {};
  const options = { protocolVersion: version, clean: false, reconnectPeriod: 50, ...properties };
  const clients = [];
  for (const name of ["receiver", "publisher"]) {
    clients.push(await connect({ ...options, clientId: `${clientId}-${name}` }));
  }
  const [receiver, publisher] = clients;
  const found = [];
  const ended = new Promise((resolve) => {
    receiver.on("message", (_, payload) => {
      found.push(payload.toString());
      if (found.at(-1) === "end") resolve();
    });
  });
  await receiver.subscribeAsync(topic, { qos });
  const sent = [];
  let acknowledged = 0;
  let goesOn = goOn;
  function publish() {
    sent.push(publisher.publishAsync(topic, `${sent.length}`, { qos }).then(() => {
      acknowledged++;
      if (goesOn) publish();
    }));
  }
  for (let life = 0; life < 3; life++) {
    const back = clients.map((client) => new Promise((resolve) => client.once("connect", resolve)));
    goesOn = goOn && life < 2;
    for (let each = 0; each < count; each++) publish();
    if (life === 2) break;
    publisher.once("close", () => {
      goesOn = false;
      console.log(sent.length - acknowledged);
    });
    console.log("sent");
    for (const connack of await Promise.all(back)) assert.equal(connack.sessionPresent, true);
  }
  await Promise.all(sent);
  await publisher.publishAsync(topic, "end", { qos });
  await ended;
  const expected = [...sent.keys()].map(String).concat("end");
  if (qos === 2) assert.deepEqual(found, expected);
  else assert.deepEqual([...new Set(found)], expected);
  await Promise.all(clients.map((client) => client.endAsync()));
}

const hmac = (key, data) => createHmac("sha256", key).update(data).digest();

/** Enhanced authentication with SCRAM-SHA-256 (RFC 5802), the Client's side. */
async function scram() {
  const nonce = randomBytes(18).toString("base64").replaceAll(",", "");
  const bare = `n=${username},r=${nonce}`;
  const method = { authenticationMethod: "SCRAM-SHA-256" };
  let serverSignature;
  const client = mqtt.connect(url, {
    ...BASE,
    protocolVersion: 5,
    properties: { ...method, authenticationData: Buffer.from(`n,,${bare}`) },
  });
  client.handleAuth = (packet, callback) => {
    const serverFirst = packet.properties.authenticationData.toString();
    const [, whole, salt, iterations] = serverFirst.match(/^r=([^,]+),s=([^,]+),i=(\d+)$/);
    assert.ok(whole.startsWith(nonce) && whole.length > nonce.length);
    const salted = pbkdf2Sync(password, Buffer.from(salt, "base64"), Number(iterations), 32, "sha256");
    const clientKey = hmac(salted, "Client Key");
    const final = `c=biws,r=${whole}`;
    const signed = `${bare},${serverFirst},${final}`;
    const signature = hmac(createHash("sha256").update(clientKey).digest(), signed);
    const proof = clientKey.map((byte, at) => byte ^ signature[at]);
    serverSignature = hmac(hmac(salted, "Server Key"), signed);
    const data = Buffer.from(`${final},p=${Buffer.from(proof).toString("base64")}`);
    callback(null, { cmd: "auth", reasonCode: 0x18, properties: { ...method, authenticationData: data } });
  };
  const connack = await new Promise((resolve, reject) => {
    client.on("connect", resolve);
    client.on("error", reject);
  });
  const answer = connack.properties.authenticationData.toString();
  assert.ok(answer.startsWith("v="));
  assert.ok(timingSafeEqual(Buffer.from(answer.slice(2), "base64"), serverSignature));
  const coming = messages(client, 1);
  await client.subscribeAsync(topic);
  await client.publishAsync(topic, "proven");
  assert.equal((await coming)[0].payload.toString(), "proven");
  await client.endAsync();
}

const scenarios = { burst, exchange, large, lives, properties, resume, scram, victim };
try {
  await scenarios[scenario]();
} catch (error) {
  if (error.code === undefined || error instanceof assert.AssertionError) throw error;
  // What a broker said by a Reason Code.
  console.log(`refused ${error.code}`);
  process.exit(3);
}
