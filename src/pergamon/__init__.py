"""Pergamon: an open, self-hosted health-data platform."""

__version__ = "0.1.0"
