"""Runs taken apart again, in whichever form of the package they were read."""

from collections.abc import Callable, Sequence
from typing import Any

from amqtt.wire.packets import Acknowledgement, Puback, Pubcomp, Pubrec, Pubrel

ACKNOWLEDGEMENTS: dict[int, Callable[[int], Acknowledgement]] = {4: Puback, 5: Pubrec, 6: Pubrel, 7: Pubcomp}


def one_by_one(arrived: Sequence[Any], version: int, packets_of: Callable[..., list[Any]]) -> list[Any]:
    """The packets that a Decoder has made one run of, and those between, in order."""
    single: list[Any] = []
    for packet in arrived:
        if type(packet).__name__ == "PublishRun":
            single += packets_of(packet.wire, version, packet.names)
        elif type(packet).__name__ == "AcknowledgementRun":
            packet_ids = range(packet.first_id, packet.first_id + packet.count)
            single += [ACKNOWLEDGEMENTS[packet.packet_type](packet_id) for packet_id in packet_ids]
        else:
            single.append(packet)
    return single
