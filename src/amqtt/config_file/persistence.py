"""The section `persistence`: what outlasts the Broker, and where."""

from amqtt.config_file import values
from amqtt.config_file.section import Section
from amqtt.store.settings import DURABILITIES, PersistenceSettings

_MOST = 1 << 40
_LONGEST = 86_400.0


def read_persistence(section: Section) -> PersistenceSettings:
    """The settings of this section over our defaults."""
    defaults = PersistenceSettings()
    settings = PersistenceSettings(
        file=section.take("file", values.path, defaults.file),
        durability=section.take("durability", values.one_of(*DURABILITIES), defaults.durability),
        maximum_unwritten_records=section.take(
            "maximum-unwritten-records", values.whole(1, _MOST), defaults.maximum_unwritten_records
        ),
        maximum_unwritten_bytes=section.take(
            "maximum-unwritten-bytes", values.whole(1024, _MOST), defaults.maximum_unwritten_bytes
        ),
        commit_timeout=section.take(
            "commit-timeout", values.seconds(0.1, _LONGEST), defaults.commit_timeout
        ),
        restart_grace=section.take("restart-grace", values.seconds(0, _LONGEST), defaults.restart_grace),
    )
    section.refuse_unknown()
    return settings
