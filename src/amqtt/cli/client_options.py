"""Where the server of `amqtt pub`, `sub` and `bench` is: the flags of mosquitto_pub and mosquitto_sub."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import unquote, urlsplit

import typer
from typer.core import TyperCommand

from amqtt.errors import ConnectError
from amqtt.wire.packets import MQTT_3_1, MQTT_3_1_1, MQTT_5, WillFields
from amqtt.wire.properties import BINARY, BY_BEARER, STRING, USER_PROPERTIES, Properties
from amqtt.wire.reasons import RETURN_CODES

if TYPE_CHECKING:
    from amqtt.clients import Client, Reconnect, TlsOptions

VERSIONS: Final = {
    "5": MQTT_5, "mqttv5": MQTT_5, "5.0": MQTT_5,
    "4": MQTT_3_1_1, "mqttv311": MQTT_3_1_1, "311": MQTT_3_1_1, "3.1.1": MQTT_3_1_1,
    "3": MQTT_3_1, "mqttv31": MQTT_3_1, "31": MQTT_3_1, "3.1": MQTT_3_1,
}
BEARERS: Final = {"connect": 1, "publish": 3, "subscribe": 8, "unsubscribe": 10, "disconnect": 14, "will": 0}
"""The commands of -D, by packet type."""
FOR_EVER: Final = 0xFFFFFFFF
SEPARATOR: Final = "\x1f"
"""Between the parts of a property, which no shell gives us: they are arguments of their own."""
IN_SESSION: Final = frozenset((
    "session_expiry_interval", "receive_maximum", "topic_alias_maximum", "maximum_packet_size",
))
"""Properties of CONNECT that are settings of a Client."""


class PropertiesCommand(TyperCommand):
    """A command with `-D command identifier value [value]`, which has two values for a User Property."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Make one argument of what follows each -D."""
        return super().parse_args(ctx, folded(args))


def folded(arguments: Sequence[str]) -> list[str]:
    """The arguments with each property as one of them."""
    made: list[str] = []
    left = list(arguments)
    while left:
        argument = left.pop(0)
        made.append(argument)
        if argument in ("-D", "--property"):
            count = 4 if left[1:2] == ["user-property"] else 3
            made.append(SEPARATOR.join(left[:count]))
            del left[:count]
    return made


@dataclass
class Connecting:
    """Where the server is, who connects, and how."""

    host: Annotated[str, typer.Option("-h", "--host", help="The server.")] = "localhost"
    port: Annotated[
        int | None, typer.Option("-p", "--port", help="Its port; 1883, or 8883 with TLS.")
    ] = None
    url: Annotated[
        str | None,
        typer.Option("-L", "--url", help="mqtt(s)://user:password@host:port/topic, or ws(s)://host/path."),
    ] = None
    unix: Annotated[str | None, typer.Option(metavar="PATH", help="A Unix socket in place of TCP.")] = None
    websocket: Annotated[
        bool, typer.Option("--ws", help="MQTT over WebSocket at /mqtt; for another path, -L ws://host/path.")
    ] = False
    nodelay: Annotated[
        bool, typer.Option("--nodelay", help="Send small packets at once, as is always done.")
    ] = False
    version: Annotated[
        str, typer.Option("-V", "--protocol-version", help="mqttv5, mqttv311 or mqttv31.")
    ] = "mqttv5"
    username: Annotated[str | None, typer.Option("-u", "--username", help="The user name.")] = None
    password: Annotated[
        str | None,
        typer.Option("-P", "--pw", help="The password; whoever may list processes sees it.",
                     envvar="AMQTT_PASSWORD"),
    ] = None
    client_id: Annotated[str | None, typer.Option("-i", "--id", help="The Client Identifier.")] = None
    id_prefix: Annotated[
        str | None, typer.Option("-I", "--id-prefix", help="One that begins so and ends with the process id.")
    ] = None
    keep_alive: Annotated[int, typer.Option("-k", "--keepalive", help="Keep Alive in seconds.")] = 60
    keep_session: Annotated[
        bool, typer.Option("-c", "--disable-clean-session", help="Resume the session, and keep it.")
    ] = False
    session_expiry: Annotated[
        str | None,
        typer.Option("-x", "--session-expiry-interval", help="Seconds that it is kept; -1 is for ever."),
    ] = None
    cafile: Annotated[Path | None, typer.Option(help="PEM file of the CAs that are trusted.")] = None
    capath: Annotated[Path | None, typer.Option(help="Directory of such CAs.")] = None
    cert: Annotated[Path | None, typer.Option(help="PEM file of the client's certificate.")] = None
    key: Annotated[Path | None, typer.Option(help="PEM file of its key.")] = None
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Trust a certificate for any name: for tests only.")
    ] = False
    tls_version: Annotated[str, typer.Option(help="tlsv1.2 or tlsv1.3 at least.")] = "tlsv1.2"
    ciphers: Annotated[str | None, typer.Option(help="OpenSSL's list of ciphers for TLS 1.2.")] = None
    use_os_certs: Annotated[
        bool, typer.Option("--tls-use-os-certs", help="TLS with the CAs of the system.")
    ] = False
    will_topic: Annotated[str | None, typer.Option(help="The topic of the Will Message.")] = None
    will_payload: Annotated[str, typer.Option(help="Its payload.")] = ""
    will_qos: Annotated[int, typer.Option(help="Its QoS.", min=0, max=2)] = 0
    will_retain: Annotated[bool, typer.Option("--will-retain", help="Whether it is retained.")] = False
    properties: Annotated[
        list[str],
        typer.Option("-D", "--property", metavar="COMMAND IDENTIFIER VALUE",
                     help="A property: -D publish content-type text/plain."),
    ] = field(default_factory=list)
    debug: Annotated[bool, typer.Option("-d", "--debug", help="Say more of what happens.")] = False
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing of errors.")] = False

    def topic_of_url(self) -> str | None:
        """The topic behind the host of an mqtt URL."""
        if self.url is None or self.url.partition(":")[0] not in ("mqtt", "mqtts"):
            return None
        return unquote(urlsplit(self.url).path[1:]) or None

    def new_client(self, name: str, reconnect: "Reconnect | bool", **more: Any) -> "Client":
        """The Client that these options describe; ValueError says what is wrong with one."""
        # Who runs a broker, or asks for a version, need not load a Client.
        from amqtt.clients import Client

        version = VERSIONS.get(self.version)
        if version is None:
            raise ValueError(f"-V is mqttv5, mqttv311 or mqttv31, not {self.version}")
        secure = self.use_os_certs or self.cafile or self.capath or self.cert
        url = self._url(bool(secure))
        options: dict[str, Any] = {
            "client_id": self._client_id(name), "version": version, "keep_alive": self.keep_alive,
            "username": self.username, "password": self.password, "will": self._will(version),
            "clean_start": not self.keep_session,
        }
        options = {key: value for key, value in options.items() if value is not None} | more
        if version == MQTT_5:
            options |= self._session(bool(reconnect))
        elif self.properties or self.session_expiry:
            raise ValueError("properties and -x are MQTT 5.0's; use -V mqttv5")
        if url.startswith(("mqtts", "wss")):
            options["tls"] = self._tls()
        return Client(url, reconnect=reconnect, **options)

    def _url(self, secure: bool) -> str:
        if self.unix is not None:
            return f"unix://{Path(self.unix).absolute()}"
        if self.url is None:
            host = f"[{self.host}]" if ":" in self.host else self.host
            where = host if self.port is None else f"{host}:{self.port}"
            if self.websocket:
                return f"{'wss' if secure else 'ws'}://{where}/mqtt"
            return f"{'mqtts' if secure else 'mqtt'}://{where}"
        parts = urlsplit(self.url)
        if parts.scheme in ("mqtt", "mqtts"):
            return f"{parts.scheme}://{parts.netloc}"
        return self.url

    def _client_id(self, name: str) -> str | None:
        if self.id_prefix is not None:
            if self.client_id is not None:
                raise ValueError("-i and -I exclude each other")
            return f"{self.id_prefix}{os.getpid()}"
        if self.client_id is None and self.keep_session:
            raise ValueError("a session is found again by its Client Identifier: -c needs -i")
        return self.client_id or f"amqtt-{name}-{os.getpid()}-{os.urandom(3).hex()}"

    def _session(self, comes_back: bool) -> dict[str, Any]:
        options: dict[str, Any] = {} if comes_back else {"resume_within": 0}
        said = self.session_expiry or ("-1" if self.keep_session else "0")
        try:
            options["session_expiry_interval"] = FOR_EVER if said in ("-1", "∞") else int(said)
        except ValueError:
            raise ValueError(f"-x is a number of seconds, not {said}") from None
        connect = self.properties_of("connect")
        for name in IN_SESSION:
            value = getattr(connect, name)
            if value is not None:
                options[name] = value
        options["user_properties"] = connect.user_properties
        return options

    def _tls(self) -> "TlsOptions":
        from amqtt.clients import TlsOptions

        return TlsOptions(
            self.cafile, self.capath, certfile=self.cert, keyfile=self.key, ciphers=self.ciphers,
            check_hostname=not self.insecure, minimum_version=self.tls_version.removeprefix("tlsv"),
        )

    def _will(self, version: int) -> WillFields | None:
        if self.will_topic is None:
            if self.will_payload or self.will_qos or self.will_retain:
                raise ValueError("a Will Message needs a topic: --will-topic")
            return None
        properties = self.properties_of("will") if version == MQTT_5 else None
        payload = self.will_payload.encode(errors="surrogateescape")
        return WillFields(self.will_topic, payload, self.will_qos, self.will_retain, properties)

    def properties_of(self, command: str) -> Properties:
        """What -D says for this packet; ValueError for what it cannot bear."""
        properties = Properties()
        for written in self.properties:
            bearer, *rest = written.split(SEPARATOR)
            if bearer not in BEARERS:
                raise ValueError(f"-D is for {', '.join(BEARERS)}, not for {bearer}")
            if bearer == command:
                _set(properties, BEARERS[bearer], rest)
        return properties


def _set(properties: Properties, bearer: int, written: list[str]) -> None:
    identifier, *values = written or [""]
    name = identifier.replace("-", "_")
    if name in ("user_property", "subscription_identifier"):
        name = {"user_property": "user_properties"}.get(name, "subscription_identifiers")
    row = next((row for row in BY_BEARER[bearer] if row.attribute == name), None)
    if row is None:
        known = ", ".join(row.attribute.replace("_", "-") for row in BY_BEARER[bearer])
        raise ValueError(f"there is no property {identifier!r} here; there are {known}")
    if row.kind == USER_PROPERTIES:
        if len(values) != 2:
            raise ValueError("a user-property has a name and a value")
        properties.user_properties += ((values[0], values[1]),)
        return
    if len(values) != 1:
        raise ValueError(f"{identifier} has one value")
    value = values[0]
    if row.kind == STRING:
        setattr(properties, name, value)
    elif row.kind == BINARY:
        setattr(properties, name, value.encode(errors="surrogateescape"))
    elif not value.isdecimal() or not row.minimum <= int(value) <= row.maximum:
        raise ValueError(f"{identifier} is a number from {row.minimum} to {row.maximum}, not {value}")
    else:
        number = int(value)
        setattr(properties, name, (number,) if name == "subscription_identifiers" else number)


def exit_status_of(error: ConnectError, version: str) -> int:
    """As mosquitto_pub has it: what CONNACK said, 1 where there was none."""
    if error.reason_code is None:
        return 1
    if VERSIONS.get(version) == MQTT_5:
        return error.reason_code
    return RETURN_CODES.get(error.reason_code, 1)
