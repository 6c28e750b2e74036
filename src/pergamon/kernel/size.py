"""How many bytes, as people read it."""


def size_text(size_bytes: int) -> str:
    """`8.0 kB`, `1.2 GB`: powers of 1000."""
    size, unit = float(size_bytes), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    return f"{size:.1f} {unit}" if unit != "B" else f"{size_bytes} B"
