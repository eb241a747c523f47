"""Floor 7: everything that an operator decides for one Broker, with its defaults and units."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_address

from amqtt.access.settings import AuthSettings, TopicCheckSettings
from amqtt.net.settings import DEFAULT_PORTS, ListenerSettings, MdnsSettings, parse_bind
from amqtt.observe.settings import TelemetrySettings, TraceSettings
from amqtt.server.limits import Limits
from amqtt.server.settings import ServerSettings
from amqtt.store.settings import PersistenceSettings

DEFAULT_LISTENER = "default"
_OURS = {"auth_anonymous", "auth_file", "auth_scram"}
_LOGGERS = frozenset((
    "amqtt.plugins.logging_amqtt.EventLoggerPlugin", "amqtt.plugins.logging_amqtt.PacketLoggerPlugin",
))
"""Plugins of aMQTT's own files that are told everything and asked nothing."""
NAMED_SLOWEST = 5
"""Clients that are named as the slowest, where nobody says how many: as many as one looks after."""


def default_listeners() -> Mapping[str, ListenerSettings]:
    """The Listener of a Broker that is told of none: port 1883 of this machine, IPv4 and IPv6."""
    return {DEFAULT_LISTENER: ListenerSettings(DEFAULT_LISTENER, bind="localhost:1883")}


@dataclass(frozen=True, slots=True)
class PluginChoice:
    """A plugin that is none of the built-in ones, as the configuration selects it."""

    target: object
    """Its dotted path, its class, or the plugin itself."""
    options: Mapping[str, object] = field(default_factory=dict)
    """What the configuration says to it, keys and values as they are written."""

    @property
    def name(self) -> str:
        """Its dotted path; as an Authenticator or a topic plugin it is asked by this name."""
        if isinstance(self.target, str):
            return self.target
        owner = self.target if isinstance(self.target, type) else type(self.target)
        return f"{owner.__module__}.{owner.__qualname__}"


@dataclass(frozen=True, slots=True)
class Config:
    """The configuration of one Broker. Each part owns its dataclass and is given its own slice."""

    listeners: Mapping[str, ListenerSettings] = field(default_factory=default_listeners)
    """Listener name → where it listens."""
    auth: AuthSettings = field(default_factory=AuthSettings)
    """Who may come in."""
    topic_check: TopicCheckSettings = field(default_factory=TopicCheckSettings)
    """What they may do."""
    limits: Limits = field(default_factory=Limits)
    """What they may use."""
    persistence: PersistenceSettings = field(default_factory=PersistenceSettings)
    """What outlasts the Broker, and where."""
    drain: float | None = None
    """Seconds for which Clients are still served when the Broker is to stop, while messages are under way
    between them; then nothing more is taken of them. Absent: 10 for the command, 1 in a program."""
    wills_on_shutdown: str = "defer"
    """What becomes of the Will Messages of Clients that are connected when the Broker is shut down. `defer`:
    those of Sessions that are kept wait for the next start (see `persistence.restart-grace`), the others are
    published. `fire`: all are published. `drop`: none is, then or later."""
    sys_interval: float = 10
    """Seconds between two publications of `$SYS/broker/…`; 0: never."""
    sys_slowest: int | None = None
    """How many Clients `$SYS/broker/clients/slowest` names, those that are furthest behind; 0: none. None: 5
    where only this machine reaches the broker, or topic-check rules who reads `$SYS`; else 0."""
    response_information: str = ""
    """What MQTT 5.0 Clients are told that ask where responses may go (3.2.2.3.15); "": nothing."""
    server_reference: str = ""
    """Other Servers, told to MQTT 5.0 Clients when this one stops or takes nobody in; "": none."""
    use_another_server: bool = False
    """Whether every Client is refused, and sent to the Server Reference."""
    require_tls_for_passwords: bool = False
    """Whether a password that comes unencrypted from another machine is refused (0x87), right or not."""
    client_id_policy: str = "owned"
    """`owned`: a Session belongs to the user who began it, and whoever else states its Client Identifier
    is refused. `shared`: any user may go on with it, with what he is permitted himself."""
    timeout_disconnect_delay: float = 2
    """Seconds; aMQTT's key. The Keep Alive of the standard is what a Client is held to."""
    hardened: bool = False
    """Whether what would be a warning about security refuses to start instead (`security: hardened`)."""
    plugins: Sequence[PluginChoice] = ()
    """Other people's plugins to load, in this order."""
    registered_plugins: bool = True
    """Whether every plugin registered as an entry point is loaded too, as aMQTT's older files have it."""
    traces: Sequence[TraceSettings] = ()
    """Whose Control Packets are written to which file (`trace`)."""
    mdns: MdnsSettings = field(default_factory=MdnsSettings)
    """Whether Listeners are announced to the local network."""
    telemetry: TelemetrySettings = field(default_factory=TelemetrySettings)
    """What is handed to OpenTelemetry (`opentelemetry`)."""
    sections: Mapping[str, object] = field(default_factory=dict)
    """The sections that are none of ours, as they were written: they are their plugins'."""
    written: Mapping[str, object] = field(default_factory=dict, compare=False, repr=False)
    """The whole configuration as it was written, for plugins that read it."""
    notices: Sequence[str] = ()
    """Sentences that the Broker logs as warnings when it starts."""

    @property
    def server(self) -> ServerSettings:
        """The slice of the Server."""
        return ServerSettings(
            limits=self.limits,
            sys_interval=self.sys_interval,
            sys_slowest=self._named_slowest,
            response_information=self.response_information,
            server_reference=self.server_reference,
            use_another_server=self.use_another_server,
            requires_tls_for_passwords=self.require_tls_for_passwords,
            wills_on_shutdown=self.wills_on_shutdown,
            shares_client_ids=self.client_id_policy == "shared",
        )

    @property
    def _named_slowest(self) -> int:
        """Whose name is public may be impersonated, so strangers are told none unless that is meant."""
        if self.sys_slowest is not None:
            return self.sys_slowest
        return NAMED_SLOWEST if self.topic_check.enabled or not _exposed(self) else 0

    @property
    def admits_anyone(self) -> bool:
        """Whether a Client comes in that says no name."""
        return "auth_anonymous" in self.auth.asked and self.auth.admits_anonymous

    @property
    def has_deciding_plugins(self) -> bool:
        """Whether there are plugins that may have a say in who comes in, which aMQTT's loggers have not."""
        return any(choice.name not in _LOGGERS for choice in self.plugins)

    def guarded(self, listener: ListenerSettings) -> ListenerSettings:
        """The Listener with the check of Origins that it needs: any web page could reach an open one."""
        if listener.type == "ws" and listener.allowed_origins is None and self.admits_anyone:
            return replace(listener, allowed_origins=())
        return listener

    @property
    def who_may_connect(self) -> str:
        """One sentence for the log: who may come in."""
        asked = self.auth.asked
        if self.has_deciding_plugins:
            return "Whoever the plugins of the configuration accept may connect"
        if self.admits_anyone:
            return "Anyone who reaches a listener may connect"
        if asked == ("auth_anonymous",):
            return "Whoever states a user name may connect, unchecked"
        if set(asked) - _OURS:
            return f"Whoever is accepted by {', '.join(asked)} may connect"
        files = [
            str(file) for name, file in (
                ("auth_file", self.auth.password_file), ("auth_scram", self.auth.scram_file),
            ) if name in asked and file is not None
        ]
        if not files:
            return "Nobody may connect"
        return f"Whoever has a password in {' or '.join(files)} may connect"


def concerns(config: Config) -> list[str]:
    """What an operator should know about the security of this configuration, one sentence each."""
    found = [_anyone(config, name) for name in _exposed(config)] if _admits_unasked(config.auth) else []
    found += _auth_concerns(config.auth, config.has_deciding_plugins)
    if "auth_file" in config.auth.asked:
        found += [
            f"listeners.{name}: passwords reach it unencrypted from other machines; "
            "set ssl: on, certfile and keyfile, or refuse them with require-tls-for-passwords: on"
            for name in _exposed(config)
            if config.listeners[name].tls is None and not config.require_tls_for_passwords
        ]
    return found + _topic_concerns(config)


def _anyone(config: Config, name: str) -> str:
    where = config.listeners[name].bind
    return (
        f"listeners.{name}: anyone who reaches it ({where}) may connect, without a password; "
        "to change that, add\n"
        "    auth:\n"
        "        allow-anonymous: false\n"
        "        password-file: /path/to/passwd\n"
        "or allow-anonymous: true to say that this is meant"
    )


def _admits_unasked(auth: AuthSettings) -> bool:
    return auth.allow_anonymous is None and "auth_anonymous" in auth.asked


def _auth_concerns(auth: AuthSettings, has_plugins: bool) -> list[str]:
    asked = auth.asked
    found = []
    if not asked and not has_plugins:
        found.append("auth: nobody is asked whether a Client may come in, so nobody may")
    elif asked == ("auth_anonymous",) and not auth.admits_anonymous and not has_plugins:
        found.append(
            "auth.allow-anonymous: false without auth_file admits whoever states any user name, unchecked, "
            "as in aMQTT; set auth.password-file and add auth_file to auth.plugins"
        )
    if auth.password_file is None and "auth_file" in asked:
        found.append("auth.password-file is not set: every user name is refused")
    if auth.password_file is not None and "auth_file" not in asked:
        found.append("auth.password-file is not used: auth.plugins does not name auth_file")
    if auth.scram_file is not None and "auth_scram" not in asked:
        found.append("auth.scram-file is not used: auth.plugins does not name auth_scram")
    return found


def _topic_concerns(config: Config) -> list[str]:
    check = config.topic_check
    lists = {"acl": check.acl, "publish-acl": check.publish_acl, "receive-acl": check.receive_acl}
    given = [f"topic-check.{key}" for key, entries in lists.items() if entries is not None]
    if check.acl_file is not None and (not check.enabled or "topic_acl_file" not in check.asked):
        unnamed = "topic-check.plugins does not name topic_acl_file"
        off = unnamed if check.enabled else "topic-check.enabled is off"
        return [f"topic-check.acl-file: not applied, because {off}"]
    if given and not check.enabled:
        return [f"{', '.join(given)}: not applied, because topic-check.enabled is off"]
    if given and "topic_acl" not in check.asked:
        return [f"{', '.join(given)}: not applied, because topic-check.plugins does not name topic_acl"]
    if not check.enabled:
        return []
    if not check.asked:
        return ["topic-check.plugins is empty: nobody may publish or subscribe"]
    if "topic_acl" in check.asked and check.acl is None:
        return ["topic-check.acl is not set: nobody may subscribe"]
    if "auth_anonymous" in config.auth.asked and not _is_password_asked_for(config):
        return [
            "topic-check grants by user name, and no password is asked for: any Client may state any name"
        ]
    return []


def _is_password_asked_for(config: Config) -> bool:
    """Whether somebody other than auth_anonymous decides about a Client that states a user name."""
    return config.has_deciding_plugins or not set(config.auth.asked) <= {"auth_anonymous", "auth_scram"}


def _exposed(config: Config) -> list[str]:
    """The Listeners by which Clients of other machines come in."""
    return [
        name for name, listener in config.listeners.items()
        if listener.type != "http" and not is_local(listener)
    ]


def is_local(listener: ListenerSettings) -> bool:
    """Whether only programs of this machine reach the Listener."""
    if listener.type == "unix":
        return True
    bind = listener.bind
    host = bind[0] if isinstance(bind, tuple) else parse_bind(bind, DEFAULT_PORTS["tcp"])[0]
    if host is None:
        return False
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
