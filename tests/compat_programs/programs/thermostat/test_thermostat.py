"""The tests of somebody else's project, with a broker of ours as a fixture."""

import asyncio

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion


class Thermostat:
    def __init__(self, room, wanted):
        self.room = room
        self.wanted = wanted
        self.client = paho.Client(CallbackAPIVersion.VERSION2, f"thermostat-{room}")
        self.client.on_connect = self.on_connect
        self.client.on_message = self.on_message

    def begin(self, host, port):
        self.client.will_set(f"{self.room}/thermostat", b"offline", qos=1, retain=True)
        self.client.connect(host, port)
        self.client.loop_start()

    def end(self):
        self.client.disconnect()
        self.client.loop_stop()
        # Else paho's own sockets may be collected before the client that would close them.
        self.client.on_connect = self.client.on_message = None

    def on_connect(self, client, userdata, flags, reason_code, properties):
        client.subscribe(f"{self.room}/temperature", qos=1)
        client.publish(f"{self.room}/thermostat", b"online", qos=1, retain=True)

    def on_message(self, client, userdata, message):
        heat = b"on" if float(message.payload) < self.wanted else b"off"
        client.publish(f"{self.room}/heating", heat, qos=1, retain=True)


@pytest.mark.asyncio
async def test_it_heats_when_it_is_cold(broker, spy, address):
    thermostat = Thermostat("kitchen", 20)
    thermostat.begin(*address)
    try:
        await spy.wait(lambda: ("thermostat-kitchen", "kitchen/temperature", 1) in spy.filters)
        await broker.internal_message_broadcast("kitchen/temperature", b"17.5", 1)
        await spy.wait(lambda: ("thermostat-kitchen", "kitchen/heating", b"on") in spy.messages)
        session, _ = broker.sessions["thermostat-kitchen"]
        assert session.transitions.state == "connected"
        assert broker.subscriptions["kitchen/temperature"] == [(session, 1)]
    finally:
        await asyncio.to_thread(thermostat.end)


@pytest.mark.asyncio
async def test_it_says_that_it_is_there(broker, spy, address):
    thermostat = Thermostat("hall", 18)
    thermostat.begin(*address)
    try:
        await spy.wait(lambda: ("thermostat-hall", "hall/thermostat", b"online") in spy.messages)
        assert broker.retained_messages["hall/thermostat"].data == b"online"
        assert broker.retained_messages["hall/thermostat"].source_session.client_id == "thermostat-hall"
    finally:
        await asyncio.to_thread(thermostat.end)


@pytest.mark.asyncio
async def test_it_outlasts_the_broker(broker):
    await broker.shutdown()
    assert broker.transitions.state == "stopped"
    await broker.start()
    assert broker.transitions.state == "started"


def test_a_broker_that_was_never_started_can_be_shut_down(spy):
    from amqtt.broker import Broker

    broker = Broker({"listeners": {"default": {"type": "tcp", "bind": "127.0.0.1:0"}}})
    assert broker.transitions.state == "new"
    asyncio.run(broker.shutdown())
