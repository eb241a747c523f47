"""C1: a line of a password file that is not right admits nobody, and is named by its number alone."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amqtt.access.password_file import PasswordFile
from amqtt.errors import BrokerError
from support.sizes import sized

GOOD = "$5$rounds=1000$abcdefgh$gYZK5qo9Ev1hL4VeiqU1Bdnm5X0ebuHoQ5EBHMQ//4B"
WRONG = {
    "no colon": "hunter2", "no name": f":{GOOD}", "no hash": "alice:", "plain text": "alice:hunter2",
    "cut off": f"alice:{GOOD[:-3]}", "unknown scheme": "alice:$99$hunter2", "two colons": f"a:b:{GOOD}",
    "empty hash of crypt": "alice:*", "locked": "alice:!", "an escape": "alice:\x1b[31mhunter2",
}


@pytest.mark.parametrize("line", WRONG.values(), ids=WRONG)
def test_a_wrong_line_refuses_to_start_and_shows_its_number_only(tmp_path: Path, line: str) -> None:
    file = tmp_path / "passwd"
    file.write_text(f"# users\n\nbob:{GOOD}\n{line}\n")
    with pytest.raises(BrokerError) as raised:
        PasswordFile(file)
    assert f"{file}:4: auth.password-file: " in str(raised.value)
    for secret in ("hunter2", GOOD[:20], "\x1b"):
        assert secret not in str(raised.value)


def test_blank_lines_and_comments_are_nobody(tmp_path: Path) -> None:
    (tmp_path / "passwd").write_text(f"\n  \n#a:{GOOD}\n\t\nbob:{GOOD}\n")
    assert list(PasswordFile(tmp_path / "passwd")._file.users) == ["bob"]


@settings(max_examples=sized(150, 5_000), deadline=None, derandomize=True, database=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60))
def test_any_bytes_are_users_or_a_mistake(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "passwd"
    file.write_bytes(content)
    try:
        users = PasswordFile(file)._file.users
    except BrokerError:
        return
    assert all(user and secret.text for user, secret in users.items())
