"""Whoever wants to know is told of each Control Packet that is sent, once."""

from amqtt.server.events import PacketSent
from amqtt.server.watching import watch_sent_packets
from amqtt.wire.packets import Packet, Pingreq, Pingresp, Publish, Suback
from support.bench_server import Bench


def test_packets_are_told_of_as_long_as_somebody_listens() -> None:
    bench = Bench()
    client = bench.connected("client")
    told: list[tuple[str, type[Packet]]] = []

    def hear(event: PacketSent) -> None:
        told.append((event.client_id, type(event.packet)))

    bench.server.events.on(PacketSent, hear)
    watch_sent_packets(bench.server.realm)
    watch_sent_packets(bench.server.realm)
    client.subscribe("#")
    client.send(Pingreq())
    bench.connected("other").publish("a", b"x")
    kinds = [kind for client_id, kind in told if client_id == "client"]
    assert kinds == [Suback, Pingresp, Publish]
    bench.server.events.off(PacketSent, hear)
    client.send(Pingreq())
    assert [kind for client_id, kind in told if client_id == "client"] == kinds
    assert Pingresp in [type(packet) for packet in client.received()]
