"""Write the tables of a page from the dataclasses that hold the settings: FILE.

The page has a line `<!-- settings: NAME -->` where a table begins, and `<!-- end -->` where it ends.
"""

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

from amqtt.access.settings import AuthSettings, TopicCheckSettings
from amqtt.config import Config
from amqtt.config_file.limits import _RANGES
from amqtt.config_file.listeners import LISTENER_KEYS, TLS_KEYS
from amqtt.net.settings import ListenerSettings, MdnsSettings, TlsSettings
from amqtt.observe.settings import TelemetrySettings, TraceSettings
from amqtt.server.limits import Limits
from amqtt.store.settings import PersistenceSettings

MARKED = re.compile(r"(<!-- settings: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
UNBOUNDED = 1 << 40


@dataclass(frozen=True, slots=True)
class Setting:
    """One key: its default as one would write it, and what it means."""

    key: str
    default: str
    text: str

    def row(self) -> str:
        """Its row of a table."""
        text = re.sub(r"\bNone\b", "absent", self.text).replace("|", "\\|")
        return f"| `{self.key}` | {f'`{self.default}`' if self.default else ''} | {text} |\n"


def docstrings(owner: type) -> dict[str, str]:
    """The texts under the fields of a dataclass."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(owner))).body
    assert isinstance(tree, ast.ClassDef)
    found = {}
    for statement, following in zip(tree.body, tree.body[1:], strict=False):
        if (
            isinstance(statement, ast.AnnAssign)
            and isinstance(statement.target, ast.Name)
            and isinstance(following, ast.Expr)
            and isinstance(following.value, ast.Constant)
        ):
            found[statement.target.id] = " ".join(str(following.value.value).split())
    return found


def settings(owner: Any, keys: Mapping[str, str]) -> list[Setting]:
    """The settings of a dataclass, by the keys that stand for its fields."""
    texts = docstrings(owner)
    found = []
    for field in fields(owner):
        for key in (key for key, name in keys.items() if name == field.name):
            default = "" if field.default is MISSING else written(key, field.default)
            text = " ".join(filter(None, (texts.get(field.name, ""), range_of(owner, field.name))))
            found.append(Setting(key, default, text or "See above."))
    return found


def written(key: str, value: object) -> str:
    """A default as it would stand in YAML; "" for none."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if key == "mode":
        return f'"{value:04o}"'
    return f"{value:g}" if isinstance(value, float) else str(value)


def range_of(owner: object, name: str) -> str:
    """The range of a limit, where it has one of its own."""
    least, most = _RANGES.get(name, (0, UNBOUNDED)) if owner is Limits else (0, UNBOUNDED)
    return f"From {least} to {most}." if most < UNBOUNDED else ""


def own_keys(owner: Any) -> dict[str, str]:
    """The keys of a dataclass whose fields are its keys."""
    return {field.name.replace("_", "-"): field.name for field in fields(owner)}


def listener_settings() -> list[Setting]:
    """What one Listener may say, TLS aside."""
    return settings(ListenerSettings, {key: name for key, (name, _) in LISTENER_KEYS.items()})


def tls_settings() -> list[Setting]:
    """What one Listener may say of TLS."""
    keys = {key: name for key, (name, _) in TLS_KEYS.items()} | {"server-names": "server_names"}
    return [Setting("ssl", "false", "Whether TLS is spoken."), *settings(TlsSettings, keys)]


def other_settings() -> list[Setting]:
    """What stands beside the sections."""
    keys = {
        "client-id-policy": "client_id_policy", "require-tls-for-passwords": "require_tls_for_passwords",
        "drain": "drain", "wills-on-shutdown": "wills_on_shutdown", "sys-interval": "sys_interval",
        "sys-slowest": "sys_slowest",
        "timeout-disconnect-delay": "timeout_disconnect_delay",
        "response-information": "response_information", "server-reference": "server_reference",
        "use-another-server": "use_another_server",
    }
    security = "`hardened`: what would be a warning about security is a mistake."
    return [*settings(Config, keys), Setting("security", "default", security)]


def table(name: str) -> str:
    """The table of one group of settings."""
    rows = {
        "listeners": listener_settings,
        "tls": tls_settings,
        "auth": lambda: settings(AuthSettings, own_keys(AuthSettings)),
        "topic-check": lambda: settings(TopicCheckSettings, own_keys(TopicCheckSettings)),
        "limits": lambda: settings(Limits, own_keys(Limits)),
        "persistence": lambda: settings(PersistenceSettings, own_keys(PersistenceSettings)),
        "trace": lambda: settings(TraceSettings, own_keys(TraceSettings)),
        "mdns": lambda: settings(MdnsSettings, own_keys(MdnsSettings)),
        "opentelemetry": lambda: settings(TelemetrySettings, own_keys(TelemetrySettings)),
        "others": other_settings,
    }[name]()
    return "| Key | Default | Meaning |\n|---|---|---|\n" + "".join(row.row() for row in rows)


def renewed(page: str) -> str:
    """The page with its tables as they have to be now."""
    return MARKED.sub(lambda match: f"{match[1]}\n{table(match[2])}\n{match[3]}", page)


def main() -> None:
    """Renew the page that the command line names."""
    page = Path(sys.argv[1])
    page.write_text(renewed(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
