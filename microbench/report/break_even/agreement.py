"""Whether two maps agree in which block costs less."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from microbench.errors import InputError
from microbench.measure.record import Record
from microbench.report.break_even.cell import Cell, map_cells


@dataclass(frozen=True)
class SignAgreement:
    """Of the cells that the first map decided, those that the second map gives the same sign."""

    shared: int
    """Cells that both maps have."""
    decided: int
    """Of them, those that are not hatched in the first map."""
    agreeing: int
    """Of these, those of which the second map's estimate lies on the same side of 1, hatched there or not."""
    disagreeing: tuple[str, ...]
    """The others by name, with both estimates."""
    contradicted: int
    """Of the disagreeing cells, those that the second map decided the other way."""

    @property
    def share(self) -> float | None:
        """Of the decided cells that agree; None where none was decided."""
        return self.agreeing / self.decided if self.decided else None

    @property
    def sentence(self) -> str:
        """In words."""
        if self.share is None:
            return f"The maps share {self.shared} cells, none of which the first one decided."
        text = (
            f"The maps agree in sign on {self.agreeing} of the {self.decided} cells that were not hatched in the first "
            f"one ({self.share:.1%}); they share {self.shared} cells"
        )
        if self.disagreeing:
            named = "; ".join(self.disagreeing[:6])
            more = f" and {len(self.disagreeing) - 6} more" if len(self.disagreeing) > 6 else ""
            text += f". Disagreeing, {self.contradicted} of them not hatched in either: {named}{more}"
        return text + "."

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {**asdict(self), "disagreeing": list(self.disagreeing), "share": self.share}


def sign_agreement(first: Sequence[Cell], second: Sequence[Cell]) -> SignAgreement:
    """Compare two maps cell by cell.

    Args:
        first: the cells of the map whose decisions are put to the test.
        second: of the other one; cells of the same setting, block and shape are the same.
    """
    others = {(cell.setting, cell.block, cell.shape): cell for cell in second}
    pairs = [
        (cell, other) for cell in first if (other := others.get((cell.setting, cell.block, cell.shape))) is not None
    ]
    decided = [(cell, other) for cell, other in pairs if not cell.is_open]
    differing = [(cell, other) for cell, other in decided if cell.sign != other.sign]
    return SignAgreement(
        shared=len(pairs),
        decided=len(decided),
        agreeing=len(decided) - len(differing),
        disagreeing=tuple(
            f"{cell.block} {cell.shape.label}, {cell.setting.label}: {cell.ratio.estimate:.3f} and "
            f"{other.ratio.estimate:.3f}"
            for cell, other in differing
        ),
        contradicted=sum(not other.is_open for _, other in differing),
    )


def sign_agreement_of_records(
    first: Sequence[Record], second: Sequence[Record], *, allow_host: bool = False
) -> SignAgreement:
    """The same from records of the two maps.

    Args:
        first: of the map whose decisions are put to the test.
        second: of the other one.
        allow_host: compare maps of different machines.

    Raises:
        InputError: the maps are of different machines.
    """
    hosts = sorted({record.environment.host for record in (*first, *second)})
    if len(hosts) > 1 and not allow_host:
        raise InputError(f"host differs between the maps ({' and '.join(hosts)}); pass --allow host to compare anyway.")
    return sign_agreement(map_cells(first), map_cells(second))
