"""Lineage without I/O."""
