"""Reason Codes, their sets and the return codes of MQTT 3.1.1."""

import pytest

from amqtt.wire import reasons
from amqtt.wire.errors import MalformedPacket, PeerError, ProtocolError
from support.reference_decoder import REASONS
from support.reference_decoder import RETURN_CODES as RETURN_CODES_OF_THE_STANDARD

SETS = {
    "Connack": reasons.CONNACK_REASONS,
    "Puback": reasons.PUBACK_REASONS,
    "Pubrec": reasons.PUBACK_REASONS,
    "Pubrel": reasons.PUBREL_REASONS,
    "Pubcomp": reasons.PUBREL_REASONS,
    "Suback": reasons.SUBACK_REASONS,
    "Unsuback": reasons.UNSUBACK_REASONS,
    "Disconnect": reasons.DISCONNECT_REASONS,
    "Auth": reasons.AUTH_REASONS,
}


@pytest.mark.parametrize("name", list(SETS))
def test_each_packet_has_the_reason_codes_of_the_standard(name: str) -> None:
    assert SETS[name] == {int(code, 16) for code in REASONS[name].split()}
    assert SETS[name] <= set(reasons.ReasonCode)


def test_return_codes_and_reason_codes_lead_to_each_other() -> None:
    assert reasons.REASONS_OF_RETURN_CODES == RETURN_CODES_OF_THE_STANDARD
    for return_code, reason_code in reasons.REASONS_OF_RETURN_CODES.items():
        assert reasons.RETURN_CODES[reason_code] == return_code
    assert set(reasons.RETURN_CODES) <= reasons.CONNACK_REASONS


@pytest.mark.parametrize(("error", "reason_code"), [(MalformedPacket, 0x81), (ProtocolError, 0x82)])
def test_each_error_has_its_reason_code_unless_it_is_given_another(
    error: type[MalformedPacket | ProtocolError], reason_code: int
) -> None:
    assert issubclass(error, PeerError)
    assert error("text").reason_code == reason_code
    assert error("text", 0x90).reason_code == 0x90
