"""Brokers on loopback, and Clients of them."""

from support.loopback_fixtures import broker, broker_with, client, faults

__all__ = ["broker", "broker_with", "client", "faults"]
