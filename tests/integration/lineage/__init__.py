"""Lineage on a real PostgreSQL."""
