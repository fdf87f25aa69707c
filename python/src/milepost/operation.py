"""Handles of a running operation: what work reports, and what it hears from people."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, cast

from . import _clean as clean
from . import _reports as reports
from ._inputs import Input, InputPolicy
from ._questions import NO_DEFAULT, Escalation, question_of
from ._sender import Flag
from ._tracked import Handler, Tracked

T = TypeVar("T")
Level = Literal["info", "success", "warning", "error"]
QuestionKind = Literal["approve", "choose", "input"]
StepStatus = Literal["running", "done", "failed", "skipped"]
#: The plan of a step: its id alone, or ``{"id", "title", "weight"}``.
StepPlan = str | Mapping[str, Any]

_current: contextvars.ContextVar[Handle | None] = contextvars.ContextVar("milepost_operation", default=None)


def current() -> Handle | None:
    """Returns the operation of the ``with`` statement around the caller, in this thread or task; None outside."""
    return _current.get()


class TextStream:
    """A text that people read while it is written. Its methods return at once and never raise."""

    def __init__(self, tracked: Tracked, name: str) -> None:
        self._tracked = tracked
        self.name = name

    def append(self, text: str) -> Self:
        """Adds a piece to the end. Small pieces are joined before they are sent."""
        if type(text) is str and len(text) > reports.MAX_TEXT_PIECE // 2:
            for at in range(0, len(text), reports.MAX_TEXT_PIECE // 2):
                piece = text[at : at + reports.MAX_TEXT_PIECE // 2]
                self._tracked.report("text", {"stream": self.name, "append": piece})
        else:
            self._tracked.report("text", {"stream": self.name, "append": text})
        return self

    write = append

    def reset(self) -> Self:
        """Empties the stream."""
        self._tracked.report("text", {"stream": self.name, "reset": True})
        return self

    def done(self) -> None:
        """Marks the stream as complete."""
        self._tracked.report("text", {"stream": self.name, "done": True})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.done()


class Step:
    """A step of an operation. As a context manager it begins, and ends as ``done`` or, if its body raises, ``failed``.

    A step that was aborted has not failed: the end of the operation says why.
    """

    def __init__(self, handle: Handle, step_id: str, title: str | None, total: float | None, unit: str | None) -> None:
        self._handle = handle
        self.id = step_id
        self._title = title
        self._total = total
        self._unit = unit
        self._done: float = 0

    def begin(self) -> Self:
        """Reports that the step begins."""
        self._report(status="running", title=self._title, total=self._total, unit=self._unit)
        return self

    def progress(
        self,
        done: float | None = None,
        total: float | None = None,
        *,
        percent: float | None = None,
        unit: str | None = None,
        message: str | None = None,
    ) -> None:
        """Reports how far the step is."""
        if done is not None:
            self._done = done
        data: dict[str, Any] = {"id": self.id}
        _fill(data, done, total, percent, unit, message)
        self._handle._tracked.report("step", data)

    def advance(self, by: float = 1, *, message: str | None = None) -> None:
        """Reports that so much more is done."""
        self._done += by
        data: dict[str, Any] = {"id": self.id, "done": self._done}
        if message is not None:
            data["message"] = message
        self._handle._tracked.report("step", data)

    def done(self, message: str | None = None) -> None:
        """Reports that the step is done."""
        self._report(status="done", message=message)

    def fail(self, message: str | None = None) -> None:
        """Reports that the step has failed."""
        self._report(status="failed", message=message)

    def skip(self, message: str | None = None) -> None:
        """Reports that the step is left out."""
        self._report(status="skipped", message=message)

    def info(self, message: str, data: Any = None) -> None:
        """Adds a line with level ``info`` to the operation's log."""
        self._handle.log(message, step=self.id, data=data)

    def warning(self, message: str, data: Any = None) -> None:
        """Adds a line with level ``warning``."""
        self._handle.log(message, level="warning", step=self.id, data=data)

    def error(self, message: str, data: Any = None) -> None:
        """Adds a line with level ``error``."""
        self._handle.log(message, level="error", step=self.id, data=data)

    def _report(self, **fields: Any) -> None:
        kept = {name: value for name, value in fields.items() if value is not None}
        self._handle._tracked.report("step", {"id": self.id, **kept})

    def __enter__(self) -> Self:
        return self.begin()

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._report(status="done")
        elif not self._handle.cancelled:
            self._report(status="failed")

    async def __aenter__(self) -> Self:
        return self.begin()

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, fault, trace)


class Handle:
    """What :class:`Operation` and :class:`AsyncOperation` share: all that reports.

    Every reporting method returns at once, whatever the state of the gateway, and never raises. Reports wait in a bounded
    outbox. If updates of a step, an agent or the whole operation are faster than they can be sent, people see the latest.
    """

    def __init__(self, tracked: Tracked) -> None:
        self._tracked = tracked
        self._result: Any = None

    @property
    def id(self) -> str:
        """Id of the operation."""
        return self._tracked.id

    @property
    def attempt(self) -> int:
        """Number of the current attempt: 1 at first, higher after a retry."""
        return self._tracked.reporter.attempt

    @property
    def cancelled(self) -> Flag:
        """Set once the work must end; true in a condition from then on."""
        return self._tracked.cancelled

    @property
    def paused(self) -> Flag:
        """Set while a pause is asked for or lasts; the work waits at its next pause point."""
        return self._tracked.paused

    def check(self) -> None:
        """Raises :class:`Cancelled` once the work must end."""
        self._tracked.check()

    def on_cancel(self, function: Callable[[], object]) -> None:
        """Calls a function once the work must end, in a thread of milepost. For example one that closes a socket."""
        self._tracked.on_cancel(function)

    def on_command(
        self,
        name: str,
        handler: Handler,
        *,
        schema: Mapping[str, Any] | None = None,
        title: str | None = None,
        statuses: Sequence[str] | None = None,
    ) -> None:
        """Declares a command, and calls a function with the arguments of each, in a thread of milepost.

        The gateway checks the arguments by ``schema``, and allows the command in these ``statuses``, by default until the end.

        The command is ``done`` once the function returns, and ``refused`` with its message if it raises.
        """
        fields = {"schema": schema, "title": title, "while": statuses}
        definition = {field: value for field, value in fields.items() if value is not None}
        self._tracked.on_command(name, handler, definition)

    def steps(self, plan: Sequence[StepPlan]) -> None:
        """Reports the plan: the steps that will follow, and their weights."""
        self._tracked.report("steps", {"steps": plan})

    def step(
        self, step_id: str, title: str | None = None, *, total: float | None = None, unit: str | None = None
    ) -> Step:
        """Returns a step, to be used in a ``with`` or ``async with`` statement, or by its methods."""
        return Step(self, step_id, title, total, unit)

    def progress(
        self,
        done: float | None = None,
        total: float | None = None,
        *,
        percent: float | None = None,
        unit: str | None = None,
        message: str | None = None,
        reset: bool = False,
    ) -> None:
        """Reports the progress of the whole operation, for work without steps."""
        data: dict[str, Any] = {}
        _fill(data, done, total, percent, unit, message)
        if reset:
            data["reset"] = True
        self._tracked.report("progress", data)

    def agent(
        self,
        agent_id: str,
        *,
        name: str | None = None,
        active: bool | None = None,
        progress: float | None = None,
        tasks: Sequence[str] | None = None,
    ) -> None:
        """Reports the activity of an agent. ``tasks`` are all that it does now."""
        data = {"id": agent_id, "name": name, "active": active, "progress": progress, "tasks": tasks}
        self._tracked.report("agent", data)

    def text(self, stream: str = "text") -> TextStream:
        """Returns the text stream with this name."""
        return TextStream(self._tracked, stream)

    def log(
        self,
        message: str,
        *,
        level: Level = "info",
        step: str | None = None,
        agent: str | None = None,
        data: Any = None,
    ) -> None:
        """Adds a line to the operation's log, for people."""
        line: dict[str, Any] = {"level": level, "message": message}
        if step is not None:
            line["step"] = step
        if agent is not None:
            line["agent"] = agent
        if data is not None:
            line["data"] = data
        elif (
            type(message) is str
            and message.isascii()
            and len(message) <= clean.MAX_MESSAGE
            and level in _LEVELS
            and step is None
            and agent is None
        ):
            self._tracked.reporter.report("log", line)
            return
        self._tracked.report("log", line)

    def info(self, message: str, data: Any = None) -> None:
        """Adds a line with level ``info``."""
        self.log(message, data=data)

    def success(self, message: str, data: Any = None) -> None:
        """Adds a line with level ``success``."""
        self.log(message, level="success", data=data)

    def warning(self, message: str, data: Any = None) -> None:
        """Adds a line with level ``warning``."""
        self.log(message, level="warning", data=data)

    def error(self, message: str, data: Any = None) -> None:
        """Adds a line with level ``error``."""
        self.log(message, level="error", data=data)

    def waiting(self, position: int, total: int, estimated_wait: float | None = None) -> None:
        """Reports the place in a line that the caller manages. ``estimated_wait`` is in seconds."""
        data: dict[str, Any] = {"position": position, "total": total}
        if estimated_wait is not None:
            data["estimated_wait_ms"] = estimated_wait * 1_000
        self._tracked.report("waiting", data)

    def count(self, name: str, add: int | str | Decimal = 1) -> None:
        """Adds to a counter, for instance of tokens or a cost. Sums are exact: give decimals as text or ``Decimal``.

        Counters are never reset, and add up in the parent.
        """
        self._tracked.report("count", {"name": name, "add": add})

    def link(self, link_id: str, url: str, title: str | None = None) -> None:
        """Reports a link, always https. A later one with the same id replaces it."""
        self._tracked.report("link", {"id": link_id, "url": url, "title": title})

    def artefact(
        self,
        name: str,
        *,
        url: str | None = None,
        data: Any = None,
        type: str | None = None,
        size: int | None = None,
    ) -> None:
        """Reports something that the work has made: small ``data`` inline, or its https ``url``."""
        self._tracked.report("artefact", {"name": name, "url": url, "data": data, "type": type, "size": size})

    def beat(self, reason: str | None = None, until: float | None = None) -> None:
        """Says why nothing moves although the work lives, and for how many more seconds. Without a reason it is over."""
        at = None if until is None else int((time.time() + until) * 1_000)
        self._tracked.report("beat", {"reason": reason, "until": at})

    def result(self, value: Any) -> None:
        """Sets the result with which the operation ends if the work ends well."""
        self._result = value


_LEVELS = frozenset({"info", "success", "warning", "error"})


def _fill(
    data: dict[str, Any],
    done: float | None,
    total: float | None,
    percent: float | None,
    unit: str | None,
    message: str | None,
) -> None:
    if done is not None:
        data["done"] = done
    if total is not None:
        data["total"] = total
    if percent is not None:
        data["percent"] = percent
    if unit is not None:
        data["unit"] = unit
    if message is not None:
        data["message"] = message


class Operation(Handle):
    """Handle of an operation whose work runs in a thread."""

    def pause_point(self) -> None:
        """Waits while the operation is paused. Raises :class:`Cancelled` once the work must end."""
        self._tracked.pause_point()

    def track(
        self,
        items: Iterable[T],
        step: str | None = None,
        *,
        title: str | None = None,
        total: float | None = None,
        unit: str | None = None,
    ) -> Iterator[T]:
        """Yields the items and reports how many are done, as a step or, without one, as the whole operation.

        Each item is a pause point. ``total`` is the length of the items by default, if they have one.
        """
        counter = _Counter(self, step, title, _length_of(items) if total is None else total, unit)
        with counter:
            for item in items:
                self._tracked.pause_point()
                yield item
                counter.advance()

    def stream(
        self, source: Iterable[T], stream: str = "text", *, piece: Callable[[T], str | None] | None = None
    ) -> Iterator[T]:
        """Yields the items of a source of tokens and reports them as a text stream.

        ``piece`` returns the text of an item that is no text. The stream is complete when the source is.
        """
        text = self.text(stream)
        for item in source:
            _append(text, item, piece)
            yield item
        text.done()


    def inputs(self, policy: InputPolicy = "queue") -> Iterator[Input]:
        """Yields the messages that people send into the operation, one at a time, until the loop is left.

        A message is done when the loop asks for the next one or is left. Raises :class:`Cancelled` once the work must end. What
        was not taken comes again after a restart of this process, and what was taken never does.
        """
        inputs = self._tracked.inputs(policy)
        try:
            while True:
                future = self._tracked.take(inputs)
                try:
                    one = future.result()
                except concurrent.futures.CancelledError as fault:
                    raise self._tracked.answer_of(fault) from None
                except BaseException:
                    future.cancel()
                    raise
                yield one
        finally:
            self._tracked.leave(inputs)

    def ask(
        self,
        prompt: str,
        kind: QuestionKind = "approve",
        options: Sequence[str | Mapping[str, Any]] | None = None,
        schema: Mapping[str, Any] | None = None,
        *,
        users: Sequence[str] | None = None,
        roles: Sequence[str] | None = None,
        deadline: float | None = None,
        default: Any = NO_DEFAULT,
        escalate: Sequence[Escalation] | None = None,
        private: bool = False,
        key: str | None = None,
    ) -> Any:
        """Asks people and waits for their answer: true or false, the id of an option, or a value of the schema.

        ``users`` and ``roles`` may answer; without them, those who may command the operation. After ``deadline`` seconds the
        answer is the ``default``, or :class:`QuestionClosed` is raised. A process that runs the same attempt again goes on with
        the same question; with a ``key`` of its own, later attempts do too. Raises :class:`Cancelled` once the work must end.
        """
        body = question_of(
            kind,
            prompt,
            options=options,
            schema=schema,
            users=users,
            roles=roles,
            deadline=deadline,
            default=default,
            escalate=escalate,
            private=private,
            key=key,
        )
        future = self._tracked.ask(body)
        try:
            return future.result()
        except concurrent.futures.CancelledError as fault:
            raise self._tracked.answer_of(fault) from None
        except BaseException:
            future.cancel()
            raise

    def approve(
        self,
        prompt: str,
        *,
        users: Sequence[str] | None = None,
        roles: Sequence[str] | None = None,
        deadline: float | None = None,
        default: Any = NO_DEFAULT,
        escalate: Sequence[Escalation] | None = None,
        private: bool = False,
        key: str | None = None,
    ) -> bool:
        """Asks people to approve something. Returns true if they do; see :meth:`ask`."""
        return bool(self.ask(
            prompt,
            "approve",
            users=users,
            roles=roles,
            deadline=deadline,
            default=default,
            escalate=escalate,
            private=private,
            key=key,
        ))

    def choose(
        self,
        prompt: str,
        options: Sequence[str | Mapping[str, Any]],
        *,
        users: Sequence[str] | None = None,
        roles: Sequence[str] | None = None,
        deadline: float | None = None,
        default: Any = NO_DEFAULT,
        escalate: Sequence[Escalation] | None = None,
        private: bool = False,
        key: str | None = None,
    ) -> str:
        """Asks people to choose one of these options. Returns its id; see :meth:`ask`."""
        return str(self.ask(
            prompt,
            "choose",
            options=options,
            users=users,
            roles=roles,
            deadline=deadline,
            default=default,
            escalate=escalate,
            private=private,
            key=key,
        ))

    def input(
        self,
        prompt: str,
        schema: Mapping[str, Any] | None = None,
        *,
        users: Sequence[str] | None = None,
        roles: Sequence[str] | None = None,
        deadline: float | None = None,
        default: Any = NO_DEFAULT,
        escalate: Sequence[Escalation] | None = None,
        private: bool = False,
        key: str | None = None,
    ) -> Any:
        """Asks people for a value that fits a JSON Schema; without one, for a text. See :meth:`ask`."""
        return self.ask(
            prompt,
            "input",
            schema=schema,
            users=users,
            roles=roles,
            deadline=deadline,
            default=default,
            escalate=escalate,
            private=private,
            key=key,
        )


class AsyncOperation(Handle):
    """Handle of an operation whose work runs in a task of asyncio."""

    async def pause_point(self) -> None:
        """Waits while the operation is paused. Raises :class:`Cancelled` once the work must end."""
        await self._tracked.pause_point_async()

    async def track(
        self,
        items: Iterable[T] | AsyncIterable[T],
        step: str | None = None,
        *,
        title: str | None = None,
        total: float | None = None,
        unit: str | None = None,
    ) -> AsyncIterator[T]:
        """Yields the items and reports how many are done, as :meth:`Operation.track` does."""
        counter = _Counter(self, step, title, _length_of(items) if total is None else total, unit)
        with counter:
            async for item in _async(items):
                await self._tracked.pause_point_async()
                yield item
                counter.advance()

    async def stream(
        self,
        source: Iterable[T] | AsyncIterable[T],
        stream: str = "text",
        *,
        piece: Callable[[T], str | None] | None = None,
    ) -> AsyncIterator[T]:
        """Yields the items of a source of tokens and reports them as a text stream."""
        text = self.text(stream)
        async for item in _async(source):
            _append(text, item, piece)
            yield item
        text.done()

    async def inputs(self, policy: InputPolicy = "queue") -> AsyncIterator[Input]:
        """Yields the messages that people send into the operation, as :meth:`Operation.inputs` does."""
        inputs = self._tracked.inputs(policy)
        try:
            while True:
                future = self._tracked.take(inputs)
                try:
                    one = await asyncio.wrap_future(future)
                except asyncio.CancelledError:
                    if future.cancelled() and self._tracked.reason is not None and not _is_cancelling():
                        raise self._tracked.answer_of(asyncio.CancelledError()) from None
                    raise
                yield one
        finally:
            self._tracked.leave(inputs)

    async def ask(
        self,
        prompt: str,
        kind: QuestionKind = "approve",
        options: Sequence[str | Mapping[str, Any]] | None = None,
        schema: Mapping[str, Any] | None = None,
        *,
        users: Sequence[str] | None = None,
        roles: Sequence[str] | None = None,
        deadline: float | None = None,
        default: Any = NO_DEFAULT,
        escalate: Sequence[Escalation] | None = None,
        private: bool = False,
        key: str | None = None,
    ) -> Any:
        """Asks people and waits for their answer: true or false, the id of an option, or a value of the schema.

        ``users`` and ``roles`` may answer; without them, those who may command the operation. After ``deadline`` seconds the
        answer is the ``default``, or :class:`QuestionClosed` is raised. A process that runs the same attempt again goes on with
        the same question; with a ``key`` of its own, later attempts do too. Raises :class:`Cancelled` once the work must end.
        """
        body = question_of(
            kind,
            prompt,
            options=options,
            schema=schema,
            users=users,
            roles=roles,
            deadline=deadline,
            default=default,
            escalate=escalate,
            private=private,
            key=key,
        )
        future = self._tracked.ask(body)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            if future.cancelled() and self._tracked.reason is not None and not _is_cancelling():
                raise self._tracked.answer_of(asyncio.CancelledError()) from None
            raise

    async def approve(
        self,
        prompt: str,
        *,
        users: Sequence[str] | None = None,
        roles: Sequence[str] | None = None,
        deadline: float | None = None,
        default: Any = NO_DEFAULT,
        escalate: Sequence[Escalation] | None = None,
        private: bool = False,
        key: str | None = None,
    ) -> bool:
        """Asks people to approve something. Returns true if they do; see :meth:`ask`."""
        return bool(await self.ask(
            prompt,
            "approve",
            users=users,
            roles=roles,
            deadline=deadline,
            default=default,
            escalate=escalate,
            private=private,
            key=key,
        ))

    async def choose(
        self,
        prompt: str,
        options: Sequence[str | Mapping[str, Any]],
        *,
        users: Sequence[str] | None = None,
        roles: Sequence[str] | None = None,
        deadline: float | None = None,
        default: Any = NO_DEFAULT,
        escalate: Sequence[Escalation] | None = None,
        private: bool = False,
        key: str | None = None,
    ) -> str:
        """Asks people to choose one of these options. Returns its id; see :meth:`ask`."""
        return str(await self.ask(
            prompt,
            "choose",
            options=options,
            users=users,
            roles=roles,
            deadline=deadline,
            default=default,
            escalate=escalate,
            private=private,
            key=key,
        ))

    async def input(
        self,
        prompt: str,
        schema: Mapping[str, Any] | None = None,
        *,
        users: Sequence[str] | None = None,
        roles: Sequence[str] | None = None,
        deadline: float | None = None,
        default: Any = NO_DEFAULT,
        escalate: Sequence[Escalation] | None = None,
        private: bool = False,
        key: str | None = None,
    ) -> Any:
        """Asks people for a value that fits a JSON Schema; without one, for a text. See :meth:`ask`."""
        return await self.ask(
            prompt,
            "input",
            schema=schema,
            users=users,
            roles=roles,
            deadline=deadline,
            default=default,
            escalate=escalate,
            private=private,
            key=key,
        )


def _is_cancelling() -> bool:
    """True if the task itself was cancelled, and not only its wait."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class _Counter:
    """Counts items as the progress of a step, or of the whole operation."""

    def __init__(
        self, handle: Handle, step: str | None, title: str | None, total: float | None, unit: str | None
    ) -> None:
        self._handle = handle
        self._step = None if step is None else handle.step(step, title, total=total, unit=unit)
        self._total = total
        self._unit = unit
        self._done = 0

    def advance(self) -> None:
        if self._step is not None:
            self._step.advance()
            return
        self._done += 1
        self._handle._tracked.report("progress", {"done": self._done})

    def __enter__(self) -> None:
        if self._step is not None:
            self._step.begin()
        else:
            self._handle.progress(0, self._total, unit=self._unit)

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._step is None:
            return
        # A consumer that leaves the loop early has not failed.
        if kind is None or kind is GeneratorExit:
            self._step.done()
        else:
            self._step.__exit__(kind, fault, trace)


def _length_of(items: object) -> int | None:
    try:
        return len(items)  # type: ignore[arg-type]
    except Exception:
        return None


async def _async(items: Iterable[T] | AsyncIterable[T]) -> AsyncIterator[T]:
    if hasattr(items, "__aiter__"):
        async for item in cast(AsyncIterable[T], items):
            yield item
    else:
        for one in items:
            yield one


def _append(text: TextStream, item: T, piece: Callable[[T], str | None] | None) -> None:
    try:
        found = item if piece is None else piece(item)
    except Exception:
        # A chunk without text, of a kind that the function does not know.
        return
    if isinstance(found, str) and found != "":
        text.append(found)


