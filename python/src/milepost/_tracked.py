"""One operation of this process, from its creation to its last report."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

from . import _clean as clean
from . import _reports as reports
from ._errors import Cancelled, MilepostError
from ._gateway import Json
from ._inputs import Input, InputPolicy, Inputs
from ._model import EVERY_COMMAND
from ._problem import Problem
from ._questions import Asking
from ._reporter import Reporter, Settings
from ._sender import Callbacks, Flag

#: Seconds that a pause waits for the work to reach a pause point. The gateway itself gives it 60 s.
_PAUSE_WAIT_S = 50.0
#: Seconds for which a command waits for its function. A process that was restarted may not have come so far.
_HANDLER_WAIT_S = 5.0
#: Latest commands whose ids are remembered, so that delivering one again has no effect.
_KNOWN_COMMANDS = 200

T = TypeVar("T")

_PLAIN_LENGTH = {"message": 2_000, "title": 100, "unit": 16, "id": 32}

#: A function of the work that handles a command. It gets the arguments of the command.
Handler = Callable[[Any], object]


class Owner(Settings, Protocol):
    """What an operation needs of its producer."""

    callbacks: Callbacks

    def ended(self, operation: Tracked) -> None: ...


class Tracked:
    """The state of an operation: its reports, its commands and whether it still runs."""

    def __init__(self, owner: Owner, create: Json, key_prefix: str, lease: Json | None = None) -> None:
        self.id: str = create["operation_id"]
        self.cancelled = Flag()
        self.paused = Flag()
        #: Why the work must end; None while it need not.
        self.reason: Cancelled | None = None
        self.phase = "running"
        #: The command ``retry`` asks for another run; None if this work cannot be run again.
        self.run_again: Callable[[], object] | None = None
        self._owner = owner
        self._lock = threading.RLock()
        self._known: dict[str, None] = {}
        self._asked: dict[str, int] = {}
        self._cancels: list[Json] = []
        self._pause: Json | None = None
        self._pause_timer: asyncio.TimerHandle | None = None
        self._is_paused = False
        #: True while a pause point has something to do, so that it costs next to nothing otherwise.
        self._needs_attention = False
        self._released = threading.Event()
        self._held: list[Callable[[], object]] = []
        self._handlers: dict[str, Handler] = {}
        self._definitions: dict[str, Json] = {}
        self._is_declaring = False
        #: Commands that wait for their function, by their names.
        self._unknown: list[tuple[Json, asyncio.TimerHandle]] = []
        self._inputs: Inputs | None = None
        self._on_cancel: list[Callable[[], object]] = []
        self.reporter = Reporter(owner, create, key_prefix, self._taken_over, lease)

    # Reports.

    def report(self, event: str, data: reports.Data) -> None:
        """Makes a report valid and hands it over. Never raises and never waits."""
        try:
            if event in ("step", "progress") and _is_plain(data):
                slot = "progress" if event == "progress" else f"step:{data['id']}"
                self.reporter.report(event, data, slot)
                return
            kept = reports.sanitise(
                event, data, lambda field, message: self.reporter.complain(event, field, message)
            )
            if kept is not None:
                self.reporter.report(event, kept, reports.slot_of(event, kept))
        except Exception as fault:
            self._owner.tell(Problem(self.id, "bad_message", f"could not be read: {fault!r}", "dropped", event))

    # What the work waits for.

    def check(self) -> None:
        """Raises :class:`Cancelled` once the work must end."""
        if self.reason is not None:
            raise _again(self.reason)

    def pause_point(self) -> None:
        """Waits while the operation is paused. Raises :class:`Cancelled` once the work must end."""
        while self._needs_attention:
            self.check()
            self._reach()
            self._released.wait()

    async def pause_point_async(self) -> None:
        """Waits in a task while the operation is paused. Raises :class:`Cancelled` once the work must end."""
        while self._needs_attention:
            self.check()
            loop = asyncio.get_running_loop()
            going_on = loop.create_future()

            def settle(future: asyncio.Future[None] = going_on) -> None:
                if not future.done():
                    future.set_result(None)

            def wake(loop: asyncio.AbstractEventLoop = loop, settle: Callable[[], None] = settle) -> None:
                with contextlib.suppress(RuntimeError):
                    loop.call_soon_threadsafe(settle)

            with self._lock:
                self._held.append(wake)
                self._reach()
                is_open = self._released.is_set()
            try:
                if not is_open:
                    await going_on
            finally:
                with self._lock, contextlib.suppress(ValueError):
                    self._held.remove(wake)

    def ask(self, body: Json) -> concurrent.futures.Future[Any]:
        """Asks people, and returns the future of their answer. It is cancelled once the work must end."""
        if self.reason is not None:
            raise _again(self.reason)
        with self._lock:
            # Equal questions of one attempt are different questions.
            same = f"{body['kind']}:{body['prompt']}"
            repeat = self._asked.get(same, 0)
            self._asked[same] = repeat + 1
        return self.future_of(Asking(self._owner, self.reporter, body, repeat).answer())

    def inputs(self, policy: InputPolicy) -> Inputs:
        """Returns the messages to the operation, and reports what happens to those that come while the work is busy."""
        if self._inputs is None:
            self._inputs = Inputs(self._owner, self.reporter, self.report)
        self._inputs.begin(policy)
        return self._inputs

    def take(self, inputs: Inputs) -> concurrent.futures.Future[Input]:
        """Waits for the next message. The future is cancelled once the work must end."""
        if self.reason is not None:
            raise _again(self.reason)
        return self.future_of(inputs.take())

    def leave(self, inputs: Inputs) -> None:
        """Reports that the work takes no messages for now, unless it has ended."""
        if self.phase == "running":
            inputs.left()
        self._owner.sender.call(inputs.stop)

    def future_of(self, wait: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Runs a wait in the thread of the sender. Its future is cancelled once the work must end."""
        future = self._owner.sender.submit(wait)
        listener = future.cancel
        self.cancelled._listeners.append(listener)
        future.add_done_callback(lambda _: self.cancelled._forget(listener))
        if self.reason is not None:
            future.cancel()
        return future

    def answer_of(self, fault: BaseException) -> BaseException:
        """Returns what a wait for an answer raises: the reason of the work's end, where that ended the wait."""
        return fault if self.reason is None else _again(self.reason)

    def _reach(self) -> None:
        with self._lock:
            if self._pause is None or self._is_paused:
                return
            self._is_paused = True
            reason = _reason_of(self._pause)
            self.report("paused", {} if reason is None else {"reason": reason})
            self._settle_pause("done", None)

    def on_command(self, name: str, handler: Handler, definition: Json) -> None:
        """Calls a function for each command with this name, in a thread of its own."""
        with self._lock:
            self._handlers[name] = handler
            if name in EVERY_COMMAND:
                return
            self._definitions[name] = {"name": name, **definition}
            is_first, self._is_declaring = not self._is_declaring, True
        if is_first:
            # Commands that are declared together are one event.
            self._owner.sender.call(self._declare)

    def _declare(self) -> None:
        with self._lock:
            self._is_declaring = False
            commands = list(self._definitions.values())
            waiting, self._unknown = self._unknown, []
        self.reporter.accepts["commands"] = commands
        self.report("accepts", {"commands": commands})
        for command, timer in waiting:
            timer.cancel()
            self._custom(command, str(command["command"]))

    def on_cancel(self, function: Callable[[], object]) -> None:
        """Calls a function once the work must end; at once if it must already."""
        with self._lock:
            if self.reason is None:
                self._on_cancel.append(function)
                return
        self._owner.callbacks.call(function)

    def abort(self, error: Cancelled) -> None:
        """Tells the work that it must end. Only the first reason counts."""
        with self._lock:
            if self.reason is not None or self.phase != "running":
                return
            self.reason = error
            functions, self._on_cancel = self._on_cancel, []
        self._needs_attention = True
        self.cancelled._set()
        self._let_go()
        for function in functions:
            self._owner.callbacks.call(function)

    def _taken_over(self, error: MilepostError) -> None:
        self.abort(Cancelled(error.code, error.message, held_by=error.held_by))

    # Commands, in the thread of the sender.

    def command(self, command: Json) -> bool:
        """Executes a command. Returns false if the operation has received it before."""
        command_id, name = command.get("command_id"), command.get("command")
        if not isinstance(command_id, str) or not isinstance(name, str):
            return False
        with self._lock:
            if command_id in self._known:
                return False
            self._known[command_id] = None
            if len(self._known) > _KNOWN_COMMANDS:
                del self._known[next(iter(self._known))]
            if name == "retry":
                self._retry(command)
            elif self.phase != "running":
                self.answer(command, "refused", "the operation has ended")
            elif name == "cancel":
                self.answer(command, "acknowledged")
                self._cancels.append(command)
                self.abort(Cancelled("cancelled", _reason_of(command) or "cancelled on request"))
            elif name == "pause":
                self.answer(command, "acknowledged")
                self._pause_at_next_point(command)
            elif name == "resume":
                self.answer(command, "acknowledged")
                self._resume(command)
            else:
                self._custom(command, name)
        return True

    def _custom(self, command: Json, name: str) -> None:
        handler = self._handlers.get(name)
        if handler is None:
            loop = asyncio.get_running_loop()
            self._unknown.append((command, loop.call_later(_HANDLER_WAIT_S, self._refuse_unknown, command)))
            return
        self.answer(command, "acknowledged")

        def handle() -> None:
            try:
                handler(command.get("args"))
            except Exception as fault:
                self.answer(command, "refused", _message_of(fault))
            else:
                self.answer(command, "done")

        if not self._owner.callbacks.call(handle):
            self.answer(command, "refused", "too many commands wait for the work")

    def _refuse_unknown(self, command: Json) -> None:
        with self._lock:
            self._unknown = [(one, timer) for one, timer in self._unknown if one is not command]
        self.answer(command, "refused", f"this work does not know the command {command['command']}")

    def _pause_at_next_point(self, command: Json) -> None:
        if self._pause is not None:
            self.answer(command, "refused", "another pause is already waiting for a pause point")
        elif self._is_paused:
            self.answer(command, "done")
        elif self.reason is not None:
            self.answer(command, "refused", "the operation is being cancelled")
        else:
            self._pause = command
            self._pause_timer = asyncio.get_running_loop().call_later(_PAUSE_WAIT_S, self._pause_timed_out)
            self._released.clear()
            self._needs_attention = True
            self.paused._set()

    def _pause_timed_out(self) -> None:
        with self._lock:
            if self._pause is None:
                return
            self._settle_pause("refused", "the work reached no pause point in time")
            self._open()

    def _resume(self, command: Json) -> None:
        if self._pause is None and not self._is_paused:
            self.answer(command, "refused", "the operation is not paused")
            return
        self._settle_pause("refused", "the operation was resumed before it reached a pause point")
        if self._is_paused:
            self.report("resumed", {})
        self.answer(command, "done")
        self._open()

    def _settle_pause(self, phase: str, reason: str | None) -> None:
        if self._pause is None:
            return
        if self._pause_timer is not None:
            self._owner.sender.call(self._pause_timer.cancel)
            self._pause_timer = None
        command, self._pause = self._pause, None
        self.answer(command, phase, reason)

    def _open(self) -> None:
        self._is_paused = False
        self.paused._clear()
        self._needs_attention = self.reason is not None
        self._let_go()

    def _let_go(self) -> None:
        self._released.set()
        for wake in tuple(self._held):
            wake()

    def _retry(self, command: Json) -> None:
        if self.run_again is None:
            self.answer(command, "refused", "this work cannot be run again")
            return
        if self.phase == "running":
            self.answer(command, "refused", "the operation has not ended yet")
            return
        self.reporter.reopen()
        self.answer(command, "acknowledged")
        self.begin(self.reporter.attempt + 1)
        self.answer(command, "done")
        self._owner.callbacks.call(self.run_again)

    def answer(self, command: Json, phase: str, reason: str | None = None) -> None:
        """Reports the next phase of a command."""
        data = {"command_id": command["command_id"], "command": command["command"], "phase": phase}
        if reason is not None:
            data["reason"] = reason
        self.report("command", data)

    # Beginning and end.

    def begin(self, attempt: int) -> None:
        """Reports that an attempt begins."""
        with self._lock:
            self.phase = "running"
            self.reason = None
            self._needs_attention = False
            self.cancelled._clear()
            self._asked.clear()
        self.report("started", {"attempt": attempt})

    def end(self, event: str, data: reports.Data) -> None:
        """Reports the end. The operation has no other end, and takes no more commands."""
        with self._lock:
            if self.phase != "running":
                return
            self.phase = "ended"
            if self._inputs is not None:
                if event == "done":
                    self._inputs.settle()
                self._owner.sender.call(self._inputs.stop)
            unknown, self._unknown = self._unknown, []
            for command, timer in unknown:
                self._owner.sender.call(timer.cancel)
                self.answer(command, "refused", "the operation has ended")
            cancels, self._cancels = self._cancels, []
            self._settle_pause("refused", "the operation ended before it reached a pause point")
            self._open()
            self.report(event, data)
            for command in cancels:
                if event == "cancelled":
                    self.answer(command, "done")
                else:
                    self.answer(command, "refused", "the operation ended before it could be cancelled")
        self.reporter.close()
        self._owner.ended(self)

    def fail(self, error: BaseException, *, retryable: bool = False) -> None:
        """Reports the end of work that raised an exception."""
        reason = self.reason
        if reason is not None and reason.code != "shutting_down":
            self.end("cancelled", {"reason": reason.message})
        elif reason is not None:
            self.end("failed", {"error": describe(reason, True)})
        elif isinstance(error, (asyncio.CancelledError, GeneratorExit)):
            self.end("cancelled", {"reason": "the task was cancelled"})
        elif isinstance(error, KeyboardInterrupt):
            self.end("failed", {"error": {"code": "interrupted", "message": "interrupted", "retryable": True}})
        else:
            self.end("failed", {"error": describe(error, retryable)})

    def abandon(self) -> None:
        """Drops the operation in a child process; the parent goes on with it."""
        self._lock = threading.RLock()
        self.phase = "ended"
        self.reporter.abandon()


def describe(error: BaseException, retryable: bool) -> Json:
    """Returns an exception in the form that people see: its own ``code``, or ``job_failed``, and its message."""
    try:
        code = getattr(error, "code", None)
    except Exception:
        code = None
    known = code if isinstance(code, str) and code != "" else "job_failed"
    try:
        retryable = bool(getattr(error, "retryable", retryable))
    except Exception:
        retryable = False
    message = error.message if isinstance(error, MilepostError) else _message_of(error)
    return {"code": clean.cut(clean.well_formed(known), clean.MAX_ID), "message": message or known, "retryable": retryable}


def _message_of(error: BaseException) -> str:
    """Returns the message of an exception, or the name of its type if it has none. Never raises."""
    try:
        return clean.well_formed(str(error)) or type(error).__name__
    except Exception:
        return type(error).__name__


def _reason_of(command: Json) -> str | None:
    args = command.get("args")
    reason = args.get("reason") if isinstance(args, dict) else None
    return clean.cut(clean.well_formed(reason), 500) if isinstance(reason, str) else None


def _again(reason: Cancelled) -> Cancelled:
    """Returns an exception of its own for each raise, so that tracebacks do not grow into each other."""
    return Cancelled(reason.code, reason.message, retryable=reason.retryable, held_by=reason.held_by)


def _is_plain(data: reports.Data) -> bool:
    """Returns true if a step or progress report needs no repair. A job may report a million of them."""
    for name, value in data.items():
        kind = type(value)
        if kind is int or kind is float:
            if name == "percent":
                if not 0 <= value <= 100:
                    return False
            elif not ((name == "done" or name == "total") and 0 <= value <= clean.MAX_SAFE):
                return False
        elif kind is str:
            if name == "status":
                if value not in ("running", "done", "failed", "skipped"):
                    return False
            elif not value.isascii() or not 0 < len(value) <= _PLAIN_LENGTH.get(name, 0):
                return False
        elif not (name == "reset" and kind is bool):
            return False
    return True
