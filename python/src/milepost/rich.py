"""A column for progress displays of rich that people see, too. Needs ``milepost[rich]``."""

from __future__ import annotations

from rich.progress import ProgressColumn, Task
from rich.text import Text

from .operation import Handle, current


class MilepostColumn(ProgressColumn):
    """Reports each task of the display as a step, as often as it is drawn. It shows nothing itself.

    The id of a step is the field ``step`` of its task, otherwise its description.
    """

    max_refresh = 0.1

    def __init__(self, operation: Handle | None = None) -> None:
        self._operation = operation or current()
        self._reported: dict[int, tuple[float, float | None, bool]] = {}
        super().__init__()

    def render(self, task: Task) -> Text:
        """Reports the task."""
        now = (task.completed, task.total, task.finished)
        if self._operation is not None and self._reported.get(task.id) != now:
            self._reported[task.id] = now
            step = self._operation.step(str(task.fields.get("step", task.description))[:64])
            step.progress(task.completed, task.total)
            if task.finished:
                step.done()
        return Text("")
