"""Lineage: what came from what, to the column; told and heard in OpenLineage."""
