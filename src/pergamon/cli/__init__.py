"""The `pergamon` command: parse, call one room, present. Every verb is listed here and loaded only when it is used."""

from pergamon.cli.main import main

__all__ = ["main"]
