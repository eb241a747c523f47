"""`amqtt passwd`: the users of a password file. A password is never an argument and never shown."""

import json
import sys
import warnings
from pathlib import Path
from typing import Annotated

import typer

from amqtt.access.hashes import LONGEST_PASSWORD, PasswordHash, new_hash
from amqtt.access.password_lines import PasswordLines, changing, checked_user
from amqtt.errors import BrokerError

app = typer.Typer(
    help="Change or check the users of a password file.", no_args_is_help=True, rich_markup_mode=None
)

File = Annotated[Path, typer.Argument(metavar="FILE", help="The file of auth.password-file.")]
User = Annotated[str, typer.Argument(metavar="USER", help="The user name.")]
Stdin = Annotated[
    bool, typer.Option("--stdin", help="Read the password as one line of standard input, without asking.")
]


Json = Annotated[bool, typer.Option("--json", help="Print it as JSON, an object a line.")]


@app.command()
def add(
    file: File,
    user: User,
    stdin: Stdin = False,
    scram: Annotated[
        bool, typer.Option("--scram", help="FILE is that of auth.scram-file, which has other lines.")
    ] = False,
) -> None:
    """Add a user, or give one a new password. The file is made if there is none."""
    try:
        if scram:
            _check_scram(file)
        password = _password(checked_user(user), stdin, twice=True)
        user, secret = _scram_line(user, password) if scram else (user, new_hash(password))
        with changing(file) as lines:
            lines.put(user, secret)
            lines.write()
    except (BrokerError, ValueError) as error:
        raise _failure(str(error)) from None
    if not scram:
        _tell_mistakes(lines)


def _check_scram(file: Path) -> None:
    """BrokerError where the lines that are there are not those of a scram-file."""
    from amqtt.access.credential_file import CredentialFile
    from amqtt.access.scram import read_credential

    if file.exists():
        CredentialFile(file, "auth.scram-file", read_credential)


def _scram_line(user: str, password: bytes) -> tuple[str, str]:
    """The user name as Clients state it, and what stands behind it; ValueError for bad characters."""
    from amqtt.access.scram import credential_line

    name, _, credential = credential_line(user, password.decode()).partition(":")
    return name, credential


@app.command()
def remove(file: File, user: User) -> None:
    """Remove a user."""
    try:
        with changing(file) as lines:
            if not _existing(lines).remove(user):
                raise _failure(f"there is no user {user!r} in {file}")
            lines.write()
    except BrokerError as error:
        raise _failure(str(error)) from None
    _tell_mistakes(lines)


@app.command()
def verify(file: File, user: User, stdin: Stdin = False, as_json: Json = False) -> None:
    """Say whether a password is right: exit status 0, or 1 if it is wrong."""
    lines = _read(file)
    stored, _ = _verified(lines, user, stdin)
    if as_json:
        typer.echo(json.dumps({"user": user, "right": True, "weakness": stored.weakness or None}))
    else:
        typer.echo("The password is right.")
    _tell_mistakes(lines)


@app.command()
def upgrade(
    file: File,
    user: Annotated[str | None, typer.Argument(metavar="[USER]", help="Whose line to write anew.")] = None,
    stdin: Stdin = False,
    as_json: Json = False,
) -> None:
    """Say which lines have a weak hash; with USER, check the password and write that line anew."""
    lines = _read(file)
    if user is None:
        for number, name, weakness in lines.weak():
            found = {"line": number, "user": name, "weakness": weakness}
            typer.echo(json.dumps(found) if as_json else f"{file}:{number}: {name}: {weakness}")
        _tell_mistakes(lines)
        return
    stored, password = _verified(lines, user, stdin)
    if not stored.weakness:
        typer.echo("The hash is strong already.")
        return
    try:
        secret = new_hash(password)
        with changing(file) as lines:
            now = lines.hash_of(user)
            if now is None or now.text != stored.text:
                raise _failure(f"{file} was changed meanwhile")
            lines.put(user, secret)
            lines.write()
    except (BrokerError, ValueError) as error:
        raise _failure(str(error)) from None
    _tell_mistakes(lines)


def _verified(lines: PasswordLines, user: str, stdin: bool) -> tuple[PasswordHash, bytes]:
    """The hash of this user and the password, which is right; else the command ends."""
    try:
        stored = lines.hash_of(user)
    except ValueError as error:
        raise _failure(f"the line of {user!r} in {lines.path} has a mistake: {error}") from None
    if stored is None:
        raise _failure(f"there is no user {user!r} in {lines.path}")
    password = _password(user, stdin, twice=False)
    if not stored.verify(password):
        raise _failure("the password is wrong")
    return stored, password


def _password(user: str, stdin: bool, twice: bool) -> bytes:
    """The password that is typed without being shown, or the one line of standard input."""
    if stdin:
        line, *more = sys.stdin.buffer.read(LONGEST_PASSWORD + 3).split(b"\n")
        if more not in ([], [b""]):
            raise _failure("standard input has more than one line, or a very long one")
        return line.removesuffix(b"\r")
    password = _asked(f"Password of {user}: ")
    if twice and _asked("The same again: ") != password:
        raise _failure("these were two different passwords")
    return password.encode("utf-8", "surrogateescape")


def _asked(prompt: str) -> str:
    from getpass import GetPassWarning, getpass

    with warnings.catch_warnings():
        # Where it cannot turn off the echo it warns and reads on: by then it is too late.
        warnings.simplefilter("error", GetPassWarning)
        try:
            return getpass(prompt)
        except GetPassWarning:
            raise _failure("there is no terminal to ask on; use --stdin") from None


def _read(file: Path) -> PasswordLines:
    try:
        return _existing(PasswordLines(file))
    except BrokerError as error:
        raise _failure(str(error)) from None


def _existing(lines: PasswordLines) -> PasswordLines:
    if not lines.exists:
        raise BrokerError(f"{lines.path} is not there")
    return lines


def _tell_mistakes(lines: PasswordLines) -> None:
    """Tell of lines with which a Broker would not start."""
    for number, said in lines.mistakes():
        typer.echo(f"amqtt: {lines.path}:{number}: {said}", err=True)


def _failure(text: str) -> typer.Exit:
    typer.echo(f"amqtt: {text}", err=True)
    return typer.Exit(1)
