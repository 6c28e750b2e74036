"""Is the disk below a directory encrypted? Asked of the Linux kernel, and answered yes only when it says so.

dm-crypt and LUKS: the block device, or one below it, has a device-mapper UUID that begins with `CRYPT-` (sysfs). ZFS,
fscrypt, hardware and cloud volumes cannot be told from here: for them the rule is suppressed with the reason.
"""

import os
from collections.abc import Iterator
from pathlib import Path


def encrypted_device(directory: Path, sysfs: Path = Path("/sys")) -> str | None:
    """The encrypted device below a directory, or below its nearest parent that exists; None when none is to be seen."""
    existing = next(path for path in (directory, *directory.parents) if path.exists())
    device = existing.stat().st_dev
    start = sysfs / "dev" / "block" / f"{os.major(device)}:{os.minor(device)}"
    return next((path.name for path in _stack(start) if _is_crypt(path)), None)


def _stack(device: Path, depth: int = 0) -> Iterator[Path]:
    """A block device and every one that it stands on."""
    if depth > 8 or not device.exists():
        return
    real = device.resolve()
    yield real
    if (real / "partition").exists():
        yield from _stack(real.parent, depth + 1)
    below = real / "slaves"
    if below.is_dir():
        for slave in sorted(below.iterdir()):
            yield from _stack(slave, depth + 1)


def _is_crypt(device: Path) -> bool:
    try:
        return (device / "dm" / "uuid").read_text().startswith("CRYPT-")
    except OSError:
        return False
