"""aMQTT's import path of a plugin that kept nothing any more."""

from amqtt.compat.plugins.builtin import SQLitePlugin

__all__ = ["SQLitePlugin"]
