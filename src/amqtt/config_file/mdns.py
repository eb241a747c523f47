"""The section `mdns`: whether Listeners are announced to the local network."""

from importlib.util import find_spec
from ipaddress import ip_address

from amqtt.config_file import values
from amqtt.config_file.section import Section
from amqtt.net.settings import LONGEST_INSTANCE_NAME, MdnsSettings

MISSING = "announcing needs the package zeroconf: pip install 'amqtt[mdns]'"


def is_available() -> bool:
    """Whether the extra is installed that announcing needs."""
    return find_spec("zeroconf") is not None


def read_mdns(section: Section) -> MdnsSettings:
    """The settings of this section over our defaults."""
    defaults = MdnsSettings()
    settings = MdnsSettings(
        enabled=section.take("enabled", _available_switch, defaults.enabled),
        name=section.take("name", _instance_name, defaults.name),
        interfaces=section.take("interfaces", _addresses, defaults.interfaces),
    )
    section.refuse_unknown()
    return settings


def _available_switch(value: object) -> bool:
    enabled = values.switch(value)
    if enabled and not is_available():
        raise ValueError(MISSING)
    return enabled


def _instance_name(value: object) -> str:
    name = values.text(value)
    if len(name.encode()) > LONGEST_INSTANCE_NAME or not name.isprintable():
        raise ValueError(f"it must have at most {LONGEST_INSTANCE_NAME} bytes, and no control characters")
    return name


def _addresses(value: object) -> tuple[str, ...]:
    written = values.texts(value)
    for one in written:
        try:
            ip_address(one)
        except ValueError:
            raise ValueError(f"{one!r} is no IP address of this machine") from None
    return written
