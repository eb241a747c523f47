"""aMQTT's import path of the version; ours is `amqtt.__version__`."""

from amqtt import __version__


def get_version() -> str:
    """The version of this package."""
    return __version__


__all__ = ["get_version"]
