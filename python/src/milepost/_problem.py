"""Problems of reporting, which the work itself never sees."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

_log = logging.getLogger("milepost")


@dataclass(frozen=True)
class Problem:
    """A problem with reporting an operation.

    ``effect`` is ``retrying`` (nothing is lost so far; told once per outage), ``dropped`` (this event, or the part of it
    that ``message`` names, is not reported) or ``stopped`` (nothing more is reported on this operation or, without an
    ``operation_id``, the producer receives no more commands).
    """

    operation_id: str | None
    code: str
    message: str
    effect: str
    event: str | None = None

    def __str__(self) -> str:
        about = "" if self.operation_id is None else f" on operation {self.operation_id}"
        return f"reporting{about}: {self.message} ({self.effect})"


ProblemListener = Callable[[Problem], object]


def warn_of_problem(problem: Problem) -> None:
    """Writes the problem as a warning of the logger ``milepost``."""
    _log.warning("%s", problem)
