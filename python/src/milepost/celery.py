"""Tasks of Celery as operations. Needs ``milepost[celery]``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from celery import Task, signals
from celery.exceptions import Ignore, Retry

from ._errors import Cancelled
from .operation import Operation, current
from .producer import Producer, Run


def _no_labels(task: Task, args: Any, kwargs: Any) -> dict[str, Any]:
    return {}


class Tasks:
    """Reports every run of a task whose base is :attr:`Task` as an operation with the id of the task.

    All retries of a task are attempts of one operation. Within the task, :func:`milepost.current` is the operation; the
    command ``cancel`` ends the task at its next pause point, and it is not retried. ``describe(task, args, kwargs)`` returns
    more arguments of :meth:`milepost.Producer.run`, such as ``user`` and ``title``.
    """

    def __init__(
        self,
        producer: Producer,
        describe: Callable[[Task, Any, Any], dict[str, Any]] = _no_labels,
    ) -> None:
        self.producer = producer
        reported = self

        class MilepostTask(Task):  # type: ignore[misc]
            """A task that is an operation."""

            abstract = True

            def __call__(self, *args: Any, **kwargs: Any) -> Any:
                return reported._call(self, describe, args, kwargs)

            @property
            def operation(self) -> Operation | None:
                """The operation of the task that runs."""
                found = current()
                return found if isinstance(found, Operation) else None

        #: The base class for tasks: ``@app.task(base=tasks.Task, bind=True)``.
        self.Task = MilepostTask
        signals.worker_process_shutdown.connect(self._on_shutdown, weak=False)

    def _call(self, task: Task, describe: Callable[[Task, Any, Any], dict[str, Any]], args: Any, kwargs: Any) -> Any:
        request = task.request
        options: dict[str, Any] = {"title": task.name}
        try:
            options.update(describe(task, args, kwargs))
        except Exception:
            # A description must not fail the task.
            pass
        if request.id is not None:
            options["operation_id"] = request.id
        options["attempt"] = (request.retries or 0) + 1
        run = self.producer.run(task.name, **options)
        with _Retried(run) as operation:
            try:
                result = task.run(*args, **kwargs)
            except Cancelled as cancelled:
                run.__exit__(Cancelled, cancelled, None)
                run.delivered(self.producer.closing_flush)
                raise Ignore() from cancelled
            operation.result(result)
        return result

    def _on_shutdown(self, **_: Any) -> None:
        self.producer.close()


class _Retried:
    """A run whose task may be retried: then the operation fails for now, and its next attempt is another run."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def __enter__(self) -> Operation:
        return self._run.__enter__()

    def __exit__(self, kind: Any, fault: Any, trace: Any) -> None:
        if isinstance(fault, Ignore):
            return
        if isinstance(fault, Retry):
            why = fault.exc if isinstance(fault.exc, Exception) else fault
            self._run._begun().fail(why, retryable=True)
        self._run.__exit__(kind, fault, trace)
