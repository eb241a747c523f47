"""Listening Unix sockets: a file whose permissions say who may connect."""

import errno
import os
import socket
import stat
import sys
from collections.abc import Callable

from amqtt.net.listener import BACKLOG, ListenerError
from amqtt.net.settings import ListenerSettings

if sys.platform != "win32":
    import grp
    import pwd


def unix_socket(settings: ListenerSettings) -> tuple[socket.socket, Callable[[], None]]:
    """Bind the socket file of `settings.path`, and give what removes it again; raises ListenerError.

    A file that a dead broker left is replaced, one that somebody listens on is not. Mode and owner
    are set between bind and listen, when nobody can connect yet.
    """
    if sys.platform == "win32":
        raise ListenerError(f"listener {settings.name!r}: this system has no Unix sockets; use type: tcp")
    path = settings.path
    if not path:
        raise ListenerError(f"listener {settings.name!r}: a Unix socket needs a file; name it with path:")
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    bound = False
    try:
        listening.setblocking(False)
        _remove_stale(path)
        listening.bind(path)
        bound = True
        _set_access(path, settings)
        made = os.stat(path)
        listening.listen(BACKLOG)
    except (OSError, ValueError, LookupError) as failed:
        listening.close()
        if bound:
            os.unlink(path)
        raise ListenerError(f"listener {settings.name!r}: cannot bind {path}: {_reason(failed)}") from None
    return listening, lambda: _remove(path, made)


def _remove_stale(path: str) -> None:
    try:
        there = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(there.st_mode):
        raise ValueError("a file that is no socket is in its place; choose another path:")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except BlockingIOError:
            pass
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


def _set_access(path: str, settings: ListenerSettings) -> None:
    if sys.platform != "win32":
        owner = -1 if settings.owner is None else _number(settings.owner, _user)
        group = -1 if settings.group is None else _number(settings.group, _group)
        if owner != -1 or group != -1:
            os.chown(path, owner, group)
        os.chmod(path, settings.mode)


def _number(name: str, look_up: Callable[[str], int]) -> int:
    return int(name) if name.isascii() and name.isdigit() else look_up(name)


def _user(name: str) -> int:
    if sys.platform == "win32":
        return -1
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        raise LookupError(f"there is no user {name!r}; name one with owner:") from None


def _group(name: str) -> int:
    if sys.platform == "win32":
        return -1
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise LookupError(f"there is no group {name!r}; name one with group:") from None


def _remove(path: str, made: os.stat_result) -> None:
    """Remove our file, not one that another broker has put in its place."""
    try:
        there = os.lstat(path)
        if (there.st_dev, there.st_ino) == (made.st_dev, made.st_ino):
            os.unlink(path)
    except OSError:
        return


def _reason(failed: Exception) -> str:
    if not isinstance(failed, OSError):
        return str(failed)
    if failed.errno is None:
        return f"{failed}; choose a shorter path:"
    advice = {
        errno.EADDRINUSE: "; is another broker running? choose another path:",
        errno.ENOENT: "; make its directory first",
        errno.EACCES: "; the directory must be writable for the broker",
        errno.EPERM: "; only root may give a file to another owner",
    }.get(failed.errno, "")
    return f"{os.strerror(failed.errno).lower()}{advice}"
