"""The part of OpenLineage 2-0-2 that our events use, written down from the specification as a JSON schema."""

from typing import Any

FACET: dict[str, Any] = {
    "type": "object",
    "required": ["_producer", "_schemaURL"],
    "properties": {
        "_producer": {"type": "string", "format": "uri"},
        "_schemaURL": {"type": "string", "format": "uri"},
    },
}
INPUT_FIELD: dict[str, Any] = {
    "type": "object",
    "required": ["namespace", "name", "field"],
    "properties": {name: {"type": "string", "minLength": 1} for name in ("namespace", "name", "field")},
}
COLUMN_LINEAGE: dict[str, Any] = {
    "allOf": [
        FACET,
        {
            "required": ["fields"],
            "properties": {
                "fields": {
                    "type": "object",
                    "additionalProperties": {
                        "type": "object",
                        "required": ["inputFields"],
                        "additionalProperties": False,
                        "properties": {"inputFields": {"type": "array", "items": INPUT_FIELD}},
                    },
                }
            },
        },
    ]
}
DATASET: dict[str, Any] = {
    "type": "object",
    "required": ["namespace", "name"],
    "properties": {
        "namespace": {"type": "string", "minLength": 1},
        "name": {"type": "string", "minLength": 1},
        "facets": {
            "type": "object",
            "properties": {"columnLineage": COLUMN_LINEAGE},
            "additionalProperties": FACET,
        },
    },
}
RUN_EVENT: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["eventTime", "producer", "schemaURL", "run", "job"],
    "additionalProperties": False,
    "properties": {
        "eventType": {"enum": ["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"]},
        "eventTime": {"type": "string", "format": "date-time"},
        "producer": {"type": "string", "format": "uri"},
        "schemaURL": {"type": "string", "format": "uri"},
        "run": {
            "type": "object",
            "required": ["runId"],
            "properties": {"runId": {"type": "string", "format": "uuid"}, "facets": {"additionalProperties": FACET}},
        },
        "job": {
            "type": "object",
            "required": ["namespace", "name"],
            "properties": {
                "namespace": {"type": "string", "minLength": 1},
                "name": {"type": "string", "minLength": 1},
                "facets": {
                    "type": "object",
                    "additionalProperties": FACET,
                    "properties": {
                        "jobType": {
                            "required": ["processingType", "integration"],
                            "properties": {"processingType": {"enum": ["BATCH", "STREAMING", "SERVICE"]}},
                        }
                    },
                },
            },
        },
        "inputs": {"type": "array", "items": DATASET},
        "outputs": {"type": "array", "items": DATASET},
    },
}
