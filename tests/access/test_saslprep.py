"""SASLprep: the examples of RFC 4013, section 3, and its rules."""

import pytest

from amqtt.access.saslprep import saslprep

EXAMPLES = [
    ("I\u00adX", "IX"),
    ("user", "user"),
    ("USER", "USER"),
    ("\u00aa", "a"),
    ("\u2168", "IX"),
    ("", ""),
    ("a\u00a0b", "a b"),
    ("\u0627\u0628", "\u0627\u0628"),
    ("\u0627\u0031\u0628", "\u0627\u0031\u0628"),
]


@pytest.mark.parametrize(("text", "prepared"), EXAMPLES)
def test_text_has_its_prepared_form(text: str, prepared: str) -> None:
    assert saslprep(text) == prepared


@pytest.mark.parametrize(
    "text", ["\u0007", "\0", "\u0627\u0031", "\u0627x\u0628", "\ue000", "\u0221", "\ud800"]
)
def test_text_that_is_not_allowed_has_none(text: str) -> None:
    with pytest.raises(ValueError, match="SASLprep does not allow"):
        saslprep(text)
