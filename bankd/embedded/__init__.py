"""Postgres, a broker and an S3 store on one machine, from wheels alone, in one data folder."""

from bankd.embedded.processes import State
from bankd.embedded.stack import ALL, Addresses, ServiceStatus, addresses, down, status, up

__all__ = ["ALL", "Addresses", "ServiceStatus", "State", "addresses", "down", "status", "up"]
