"""What stands in for a user who does not exist, so that nobody can find out who does."""

import hmac
from collections.abc import Mapping
from typing import TypeVar

Secret = TypeVar("Secret")


def decoy_for(username: str, users: Mapping[str, Secret], key: bytes) -> Secret | None:
    """One of the users' secrets, the same whenever this name is asked for; None without users.

    Only its cost may show (its algorithm, its iterations), never itself: unknown names then look
    like known ones, however the costs are spread among these.
    """
    if not users:
        return None
    number = int.from_bytes(hmac.digest(key, username.encode(errors="surrogatepass"), "sha256")[:8], "big")
    return list(users.values())[number % len(users)]
