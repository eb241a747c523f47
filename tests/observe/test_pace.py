"""Lines of a flood are left out and counted; others are not."""

from amqtt.observe.pace import ALL, EACH, MOST_ADDRESSES, Pace


def test_one_address_has_its_lines_at_once_and_then_one_at_a_time() -> None:
    pace = Pace()
    assert [pace.allows("k", "a", 0) for _ in range(EACH[0] + 5)] == [True] * EACH[0] + [False] * 5
    assert pace.allows("k", "b", 0)
    assert pace.allows("other", "a", 0)
    assert pace.allows("k", "a", EACH[1])
    assert not pace.allows("k", "a", EACH[1])


def test_many_addresses_together_have_a_bound_too() -> None:
    pace = Pace()
    allowed = [pace.allows("k", str(number), 0) for number in range(ALL[0] + 50)]
    assert sum(allowed) == ALL[0]


def test_what_was_left_out_is_counted_once() -> None:
    pace = Pace()
    for _ in range(EACH[0] + 3):
        pace.allows("k", "a", 0)
    assert (pace.left_out("other"), pace.left_out("k"), pace.left_out("k")) == (0, 3, 0)


def test_it_remembers_a_bounded_number_of_addresses() -> None:
    pace = Pace()
    for number in range(3 * MOST_ADDRESSES):
        pace.allows("k", str(number), 0)
    assert len(pace._each) <= MOST_ADDRESSES
