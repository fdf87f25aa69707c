"""A progress bar of tqdm that people see, too. Needs ``milepost[tqdm]``."""

from __future__ import annotations

from typing import Any

from tqdm.auto import tqdm as _tqdm

from .operation import Handle, current


class tqdm(_tqdm):  # type: ignore[misc]
    """``tqdm`` that also reports to an operation: the given one, or the one around the call.

    ``step`` is the step whose progress it is; without one, it is that of the whole operation. It reports as often as the
    bar is drawn, and at its end. ``gui`` and ``disable`` are those of tqdm; a disabled bar reports nothing.
    """

    def __init__(self, *args: Any, operation: Handle | None = None, step: str | None = None, **options: Any) -> None:
        self._operation = operation or current()
        self._step = step
        self._reported: float | None = None
        super().__init__(*args, **options)

    def display(self, *args: Any, **options: Any) -> Any:
        """Draws the bar and reports."""
        self._report()
        return super().display(*args, **options)

    def close(self) -> None:
        """Ends the bar, and the step if all of it is done."""
        if not getattr(self, "disable", True):
            self._report()
            is_whole = self.total is None or self.n >= self.total
            if self._operation is not None and self._step is not None and is_whole:
                self._operation.step(self._step).done()
        super().close()

    def _report(self) -> None:
        operation = getattr(self, "_operation", None)
        if operation is None or self.n == self._reported:
            return
        self._reported = self.n
        unit = self.unit if self.unit != "it" else None
        message = self.desc.removesuffix(": ") if self.desc else None
        if self._step is None:
            operation.progress(self.n, self.total, unit=unit, message=message)
        else:
            operation.step(self._step).progress(self.n, self.total, unit=unit, message=message)
