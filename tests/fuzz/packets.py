"""Control Packets: each form of the Decoder reads what the slow, obvious one reads, however it is cut."""

from random import Random

from support.forms import forms
from support.packet_cases import FAULTS, OTHER_FORMS, VALID, described
from support.reference_decoder import decode_all
from support.runs import one_by_one

VERSIONS = (0, 3, 4, 5)
UNBOUNDED = 300_000_000


def examples() -> list[bytes]:
    """Every packet case, valid and not, behind a version and a way to cut."""
    good = [(case.version, case.data) for case in VALID + OTHER_FORMS]
    bad = [(case.version, case.data) for case in FAULTS]
    return [bytes((VERSIONS.index(version), 0)) + data for version, data in good + bad]


def check(data: bytes) -> None:
    """The first byte says the version, the second how the rest is cut."""
    if len(data) < 2:
        return
    version, stream = VERSIONS[data[0] % len(VERSIONS)], data[2:]
    expected, refused = decode_all(stream, version)
    for decoder_module, names_module, runs_module in forms(
        "amqtt.wire.decoder", "amqtt.wire.interned", "amqtt.wire.runs"
    ):
        for joins in (False, True):
            decoder = decoder_module.Decoder(names_module.TopicNames(), UNBOUNDED, UNBOUNDED, version)
            feed = decoder.feed_joined if joins else decoder.feed
            found = [packet for piece in pieces(stream, data[1]) for packet in feed(piece)]
            assert described(one_by_one(found, decoder.version, runs_module.packets_of)) == expected
            assert (decoder.error is not None) is refused


def pieces(stream: bytes, how: int) -> list[bytes]:
    """The stream in one piece (0), byte by byte (1), or in pieces of any length."""
    if how == 0:
        return [stream]
    if how == 1:
        return [stream[at : at + 1] for at in range(len(stream))]
    random = Random(how)
    cut = []
    while stream:
        size = random.randint(1, 12)
        cut.append(stream[:size])
        stream = stream[size:]
    return cut
