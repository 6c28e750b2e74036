"""What the trail keeps of lineage: who told us something of others' runs. Our own runs have events of their own."""

from dataclasses import dataclass
from typing import ClassVar

from pergamon.kernel import Event


@dataclass(frozen=True)
class LineageTold(Event):
    """An OpenLineage event was taken. Names of others' datasets stand in lineage, not here."""

    code: ClassVar[str] = "lineage.told"
    event_type: str
    inputs: int
    outputs: int
    columns: int
