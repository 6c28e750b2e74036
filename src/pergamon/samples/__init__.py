"""A sample hospital: a believable source to replicate from, and the life that goes on in it."""

from pergamon.samples.hospital import (
    TABLES,
    HospitalExists,
    HospitalTooSmall,
    NotASampleHospital,
    OnProgress,
    fill_hospital,
)
from pergamon.samples.live import changes, is_sample_hospital, keep_changing, live_changes

__all__ = [
    "TABLES",
    "HospitalExists",
    "HospitalTooSmall",
    "NotASampleHospital",
    "OnProgress",
    "changes",
    "fill_hospital",
    "is_sample_hospital",
    "keep_changing",
    "live_changes",
]
