"""auth_anonymous: Clients that nobody vouches for."""

from amqtt.abc import Accepted, Answer, Authenticator, ConnectRequest, Permissions, Refusal


class Anonymous(Authenticator):
    """Accepts everyone, or else everyone who states a user name.

    It checks no password: as in aMQTT, with `allow_anonymous` False any user name is believed.
    """

    def __init__(self, allow_anonymous: bool = True) -> None:
        self.allow_anonymous = allow_anonymous

    def authenticate(self, request: ConnectRequest) -> Answer:
        """Answer a CONNECT at once."""
        if self.allow_anonymous or request.username:
            return Accepted(Permissions(request.username or None))
        return Refusal(reason="anonymous Clients are not allowed")

    def keeps(self, user: str | None) -> bool | None:
        """Whether a Client without a user name may stay; of those with one it knows nothing."""
        return self.allow_anonymous if user is None else None
