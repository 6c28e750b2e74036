"""Lineage, by generated examples."""
