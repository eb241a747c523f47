"""Strikes are counted within a minute, a ban lasts its time, and what is remembered is bounded."""

import pytest

from amqtt.abc import Peer
from amqtt.server.bans import MAXIMUM_REMEMBERED, WINDOW, Bans, Strikes, claim, site
from amqtt.server.limits import Limits
from amqtt.wire.packets import Connect
from support.raw_client import properties

PARTY = ("192.0.2.1", "user")


def test_so_many_strikes_within_a_minute_are_a_ban_of_its_time() -> None:
    strikes = Strikes(3, 300.0)
    assert [strikes.strike(PARTY, now) for now in (0.0, 1.0, 2.0)] == [False, False, True]
    assert strikes.is_banned(PARTY, 301.9)
    assert not strikes.is_banned(PARTY, 302.0)
    assert not strikes.is_banned(("192.0.2.1", "another"), 3.0)
    assert not strikes.strike(PARTY, 302.0)


def test_slow_strikes_are_none() -> None:
    strikes = Strikes(2, 300.0)
    assert not any(strikes.strike(PARTY, number * WINDOW) for number in range(10))
    assert len(strikes) == 1


def test_who_is_forgiven_begins_anew() -> None:
    strikes = Strikes(2, 300.0)
    strikes.strike(PARTY, 0.0)
    strikes.forgive(PARTY)
    assert not strikes.strike(PARTY, 0.0)
    assert strikes.strike(PARTY, 0.0)


def test_no_maximum_is_no_ban_and_remembers_nobody() -> None:
    strikes = Strikes(0, 300.0)
    assert not any(strikes.strike(PARTY, 0.0) for _ in range(100))
    assert len(strikes) == 0


def test_parties_remembered_are_bounded_and_those_whose_time_is_over_go_first() -> None:
    strikes = Strikes(2, 300.0)
    banned = ("192.0.2.9", "banned")
    for number in range(MAXIMUM_REMEMBERED - 1):
        strikes.strike((str(number), ""), 0.0)
    strikes.strike(banned, 0.0)
    strikes.strike(banned, 0.0)
    strikes.strike(PARTY, WINDOW)
    assert len(strikes) == 2
    assert strikes.is_banned(banned, WINDOW)
    for number in range(2 * MAXIMUM_REMEMBERED):
        strikes.strike((str(number), ""), WINDOW)
    assert MAXIMUM_REMEMBERED // 2 < len(strikes) <= MAXIMUM_REMEMBERED


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("", ""),
        ("nonsense", "nonsense"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2::1", "20010db800010002::/64"),
        ("2001:db8:1:2:ffff::9", "20010db800010002::/64"),
        ("2001:db8:1:3::1", "20010db800010003::/64"),
        ("fe80::1%eth0", "fe80000000000000::/64"),
    ],
)
def test_addresses_of_one_site_count_as_one(address: str, expected: str) -> None:
    assert site(Peer(address)) == expected


def test_who_says_nothing_guesses_nothing() -> None:
    assert claim(Connect("c")) == ""
    assert claim(Connect("c", username="")) == ""
    assert claim(Connect("c", username="u")) == "u"
    method = properties(authentication_method="SCRAM-SHA-256")
    assert claim(Connect("c", properties=method)) == "\0SCRAM-SHA-256"


def test_meters_of_addresses_are_bounded() -> None:
    bans = Bans(Limits(maximum_connection_rate=1))
    packet = Connect("c")
    for number in range(MAXIMUM_REMEMBERED + 10):
        peer = Peer(f"10.0.{number >> 8 & 255}.{number & 255}")
        assert bans.refusal(peer, packet, 0.0)[0] == 0
    assert len(bans._meters) <= MAXIMUM_REMEMBERED


def test_other_limits_count_from_then_on_and_who_is_banned_stays_so() -> None:
    bans = Bans(Limits(maximum_failed_logins=1))
    peer, packet = Peer("192.0.2.1"), Connect("c", username="u")
    assert bans.failed(peer, packet, None, 0.0)
    bans.adopt(Limits(maximum_failed_logins=0, maximum_connection_rate=1, ban_time=1.0))
    assert bans.refusal(peer, packet, 0.0)[1] == "maximum_failed_logins"
    assert bans.refusal(peer, packet, 0.0)[1] == "maximum_connection_rate"
    assert not bans.failed(Peer("192.0.2.2"), packet, None, 0.0)


def test_whoever_guesses_with_very_long_names_does_not_fill_the_memory() -> None:
    bans = Bans(Limits(maximum_failed_logins=2, maximum_reconnections=2))
    peer = Peer("192.0.2.1")
    for number in range(20):
        packet = Connect(f"{number}" * 60_000, username=f"{number}" * 60_000)
        bans.failed(peer, packet, None, 0.0)
        bans.failed(peer, packet, f"other {number}" * 10_000, 0.0)
        bans.accepted(peer, Connect(packet.client_id), None, 0.0)
    kept = [name for strikes in (bans.logins, bans.reconnections) for _, name in strikes._records]
    assert len(kept) == 60
    assert max(map(len, kept)) < 1_000


def test_very_long_names_are_banned_like_others_and_are_not_each_other() -> None:
    bans = Bans(Limits(maximum_failed_logins=2))
    peer = Peer("192.0.2.1")
    packet, other = (Connect("c", username="u" * 60_000 + end) for end in "ab")
    assert not bans.failed(peer, packet, None, 0.0)
    assert bans.failed(peer, packet, None, 0.0)
    assert bans.refusal(peer, packet, 0.0)[1] == "maximum_failed_logins"
    assert bans.refusal(peer, other, 0.0) == (0, "")
