"""Sample data: a believable hospital database, the life that goes on in it, and a folder of files to bring."""

from pergamon.samples.hospital import (
    TABLES,
    HospitalExists,
    HospitalTooSmall,
    NotASampleHospital,
    OnProgress,
    fill_hospital,
)
from pergamon.samples.live import changes, is_sample_hospital, keep_changing, live_changes
from pergamon.samples.medical_assets import NotEmpty, write_medical_assets

__all__ = [
    "TABLES",
    "HospitalExists",
    "HospitalTooSmall",
    "NotASampleHospital",
    "NotEmpty",
    "OnProgress",
    "changes",
    "fill_hospital",
    "is_sample_hospital",
    "keep_changing",
    "live_changes",
    "write_medical_assets",
]
