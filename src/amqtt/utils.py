"""aMQTT's import path of the functions that programs and plugins call by themselves."""

from amqtt.compat.functions import format_client_message, gen_client_id, import_string, read_yaml_config

__all__ = ["format_client_message", "gen_client_id", "import_string", "read_yaml_config"]
