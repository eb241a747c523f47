"""SASLprep (RFC 4013): one form for user names and passwords that look the same."""

import stringprep
import unicodedata
from collections.abc import Callable
from typing import Final

_PROHIBITED: Final[tuple[Callable[[str], bool], ...]] = (
    stringprep.in_table_a1,
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


def saslprep(text: str) -> str:
    """The prepared form of `text` (RFC 4013, 2); ValueError where it has none."""
    if text.isascii() and text.isprintable():
        return text
    prepared = unicodedata.ucd_3_2_0.normalize("NFKC", "".join(map(_mapped, text)))
    if any(prohibited(character) for character in prepared for prohibited in _PROHIBITED):
        raise ValueError("it contains a character that SASLprep does not allow")
    if any(map(stringprep.in_table_d1, prepared)) and not _reads_from_right(prepared):
        raise ValueError("it mixes directions of writing in a way that SASLprep does not allow")
    return prepared


def _mapped(character: str) -> str:
    if stringprep.in_table_c12(character):
        return " "
    return "" if stringprep.in_table_b1(character) else character


def _reads_from_right(text: str) -> bool:
    ends_so = stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1])
    return ends_so and not any(map(stringprep.in_table_d2, text))
