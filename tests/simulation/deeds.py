"""What may happen in a world, and how often: each deed is a function of the World."""

from collections.abc import Callable
from itertools import accumulate
from typing import Final

from amqtt.message import Message
from amqtt.wire.packets import MQTT_5, SubscriptionRequest, WillFields
from amqtt.wire.properties import Properties
from simulation.client import Client
from simulation.invariants import check_state
from simulation.plugins import FORBIDDEN, Later
from simulation.world import EVERYTHING, World, plain_connect

STEPS: Final = 300
"""What happens in one seed before everybody comes back and reads the rest."""
BETWEEN_CHECKS: Final = 10
TOPICS: Final = ("t/a", "t/b", "t/c/d", FORBIDDEN, "r/a", "r/b", "s/x/a", "s/x/b")
FILTERS: Final = (
    "t/a", "t/+", "t/#", "+/a", "+/+", "t/c/#", FORBIDDEN, "r/#", "$share/g/s/#", "$share/h/s/+/a",
)
PADDING: Final = (0, 0, 0, 0, 100, 1000)
"""Bytes that make a payload so long that a Link is full, or a Client's Maximum Packet Size exceeded."""
PAUSES: Final = (0.01, 0.2, 0.2, 1.0, 1.0, 3.0, 3.0, 12.0, 40.0, 200.0)
EXPIRIES: Final = (0, 5, 60, 100_000, 0xFFFFFFFF)


def play(seed: int) -> World:
    """Play one seed to its end; its Violations are raised with the story as a note."""
    world = World(seed)
    try:
        for step in range(STEPS):
            (deed,) = world.random.choices(DEEDS, cum_weights=WEIGHTS)
            deed(world)
            world.turn.flush()
            world.drop_old_lines()
            if step % BETWEEN_CHECKS == 0:
                check_state(world.server)
        world.settle()
        world.end()
    except Exception as violation:
        violation.add_note(told(world))
        violation.add_note(f"Replay it: make simulate SEED={seed}")
        raise
    return world


def told(world: World) -> str:
    """The story so far, a line for each thing that happened."""
    return "\n".join(f"{when:12.3f} {' '.join(map(str, what))}" for when, *what in world.story)


def some_client(world: World) -> Client | None:
    """One that can say something, None if chance chose another."""
    client = world.random.choice(world.clients)
    return client if client.may_send else None


def carry(world: World) -> None:
    """A turn: bytes arrive at the Server and at Clients, in pieces."""
    random = world.random
    for line in list(world.lines):
        chance = random.random()
        # A Server that still thinks is read for no more, but for what was on its way.
        if chance < (0.8 if line.state.pending is None else 0.2) and line.carries_up:
            line.carry_up(random.choice((1, 3, 20, EVERYTHING)))
        if chance < 0.1:
            world.turn.flush()
        if chance > 0.2 and line.down:
            world.carry_down(line, random.choice((1, 5, 40, EVERYTHING)))
    for client in world.clients:
        if client.todo and random.random() < 0.7:
            client.acknowledge(random.choice((1, 2, EVERYTHING)))


def connect(world: World) -> None:
    """A Client comes, perhaps while the Server believes it to be there."""
    random = world.random
    client = random.choice(world.clients)
    if client.line is not None and random.random() < 0.9:
        return
    packet = plain_connect(client, random.random() < 0.2, random.choice(EXPIRIES))
    packet.keep_alive = random.choice((0, 0, 10, 60))
    if packet.properties is not None:
        packet.properties.receive_maximum = random.choice((None, 1, 2, 10))
        packet.properties.topic_alias_maximum = random.choice((None, 1, 5))
        packet.properties.maximum_packet_size = random.choice((None, None, None, 90))
    if client.line is not None and random.random() < 0.5:
        client.line.lose()
    line = world.line()
    if random.random() < 0.4:
        packet.will = will(world, client, line.state.peer.port)
    world.tell(
        client.client_id, "connects on line", line.number, "clean" if packet.clean_start else "",
        "" if packet.will is None else packet.will.payload,
    )
    client.open(line, packet)


def will(world: World, client: Client, port: int) -> WillFields:
    """A Will Message; MQTT 3.1.1 knows no delay."""
    random = world.random
    payload = world.next_name("will").encode()
    fields = WillFields(random.choice(TOPICS[:3]), payload, random.randint(0, 2), False)
    delay = 0
    if client.version == MQTT_5:
        fields.properties = Properties()
        fields.properties.will_delay_interval = delay = random.choice((0, 0, 4, 30))
    world.wills[port] = (fields.payload, delay)
    return fields


def publish(world: World) -> None:
    """A Client publishes a few messages in one go."""
    client = some_client(world)
    if client is None:
        return
    random = world.random
    for _ in range(random.choice((1, 1, 2, 5))):
        message = new_message(world)
        expiry = random.choice((None, None, None, 5)) if client.version == MQTT_5 else None
        client.publish(message, expiry, random.random() < 0.5)
        payload = message.payload.rstrip(b".")
        world.tell(client.client_id, "publishes", payload, "to", message.topic, "at QoS", message.qos)


def publish_from_within(world: World) -> None:
    """The embedding program publishes."""
    world.server.publish(new_message(world))


def new_message(world: World) -> Message:
    """A message that can be told from all others."""
    random = world.random
    topic = random.choice(TOPICS)
    payload = world.next_name("m").encode()
    payload += b"." * random.choice(PADDING)
    world.sent[payload] = topic
    return Message(topic, payload, random.randint(0, 2), topic.startswith("r/"))


def subscribe(world: World) -> None:
    """A Client subscribes to a few Topic Filters with one packet."""
    client = some_client(world)
    if client is None:
        return
    random = world.random
    requests = []
    for topic_filter in random.sample(FILTERS, random.choice((1, 2, 3))):
        is_shared = topic_filter.startswith("$share/")
        request = SubscriptionRequest(topic_filter, random.choice((1, 2) if is_shared else (0, 1, 1, 2, 2)))
        if client.version == MQTT_5:
            request.no_local = random.random() < 0.2 and not is_shared
            request.retain_as_published = random.random() < 0.5
            request.retain_handling = random.randint(0, 2)
        requests.append(request)
    client.subscribe(requests, random.choice((0, 0, 1, 7)))
    world.tell(client.client_id, "subscribes to", [(each.topic_filter, each.qos) for each in requests])


def unsubscribe(world: World) -> None:
    """A Client unsubscribes, also from what it never subscribed to."""
    client = some_client(world)
    if client is not None:
        topic_filters = world.random.sample(FILTERS, 2)
        client.unsubscribe(topic_filters)
        world.tell(client.client_id, "unsubscribes from", topic_filters)


def ping(world: World) -> None:
    """A Client asks whether the Server is there."""
    client = some_client(world)
    if client is not None:
        client.ping()


def disconnect(world: World) -> None:
    """A Client says good-bye, with or without its Will."""
    client = some_client(world)
    if client is not None:
        code = world.random.choice((0, 0, 4))
        client.disconnect(code, world.random.choice((None, 0, 60)))
        world.tell(client.client_id, "says good-bye:", code)


def cut(world: World) -> None:
    """A Network Connection breaks; the Client may not know it for a while."""
    if world.lines:
        line = world.random.choice(world.lines)
        world.tell("line", line.number, "breaks")
        line.lose()


def wait(world: World) -> None:
    """Time passes."""
    seconds = world.random.choice(PAUSES)
    world.tell("it is quiet for", seconds, "s")
    world.pass_time(seconds)


def answer(world: World) -> None:
    """A plugin that has thought for long answers."""
    for line in list(world.lines):
        pending = line.state.pending
        if pending is not None and not line.cut and world.random.random() < 0.5:
            assert isinstance(pending, Later)
            line.answer(pending.answer)


def write(world: World) -> None:
    """The disk takes what was noted, or has it; without one nothing outlasts the Server."""
    if world.disk is None:
        return
    if world.random.random() < 0.5:
        world.disk.begin(world.server)
    else:
        world.disk.finish(world.server)


def crash(world: World) -> None:
    """The Server crashes, if it has a disk, and begins anew."""
    if world.disk is not None and world.random.random() < 0.7:
        world.crash()


CHANCES: Final[dict[Callable[[World], None], int]] = {
    carry: 70, publish: 18, connect: 16, subscribe: 10, answer: 5, publish_from_within: 5, wait: 4, cut: 4,
    disconnect: 2, unsubscribe: 2, ping: 1, write: 30, crash: 1,
}
"""How often each happens, in a hundred steps and a little."""
DEEDS: Final = tuple(CHANCES)
WEIGHTS: Final = tuple(accumulate(CHANCES.values()))
