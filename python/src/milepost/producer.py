"""The producer: reports on work to a gateway, and receives the commands of people."""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextvars
import os
import secrets
import threading
import time
import weakref
from collections.abc import AsyncIterator, Iterator, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

from . import _clean as clean
from . import _model as model
from . import _reports as reports
from ._command_loop import CommandLoop
from ._errors import Cancelled, MilepostError
from ._gateway import Gateway, HeaderSource, Json, SigningSource
from ._problem import Problem, ProblemListener, warn_of_problem
from ._sender import Callbacks, Sender
from ._tracked import Tracked
from .operation import AsyncOperation, Handle, Operation, StepPlan, _current
from .worker import Handler, Worker

T = TypeVar("T")

#: Ended operations that are kept, so that commands to them are still answered.
_ENDED_KEPT = 200

def _budget(value: Any, complain: clean.Complain) -> Any:
    try:
        counter, limit = value
        return {"counter": clean.segment(counter, complain), "limit": model.amount(limit)}
    except (TypeError, ValueError, model.Refused):
        complain("is no counter and limit, such as (\"cost\", \"5.00\"), and was left out")
        return None


_CREATE_REPAIRS: clean.Repairs = {
    "kind": clean.identifier(),
    "operation_id": clean.segment,
    "title": clean.text(clean.MAX_TITLE),
    "session_id": clean.owner,
    "user_id": clean.owner,
    "collection_id": clean.owner,
    "belongs_to": clean.text(255),
    "steps": reports.step_plans,
    "input": clean.payload(clean.MAX_PAYLOAD),
    "parent": clean.segment,
    "weight": clean.number(0, 1_000),
    "tags": clean.list_of(clean.segment, 10),
    "size": clean.number(0, 2**53 - 1),
    "budget": _budget,
}


class Run:
    """An operation around the body of a ``with`` or ``async with`` statement.

    It ends as ``done`` if the body ends well, as ``cancelled`` if the body raises after it was told to end, and as
    ``failed`` if the body raises otherwise. What the body raises goes on to its caller.
    """

    def __init__(self, producer: Producer, create: Json, attempt: int | None, cancel_task: bool, problems: list[tuple[str, str]]) -> None:
        self._producer = producer
        self._create = create
        self._attempt = attempt
        self._cancel_task = cancel_task
        self._problems = problems
        self._tracked: Tracked | None = None
        self._handle: Handle | None = None
        self._token: contextvars.Token[Handle | None] | None = None
        #: The lease of an operation that exists already.
        self._lease: Json | None = None
        self._cancels_task = False
        self._task: asyncio.Task[Any] | None = None

    @property
    def operation_id(self) -> str:
        """Id of the operation, known before it begins."""
        return str(self._create["operation_id"])

    def created(self, timeout: float | None = None) -> bool:
        """Waits until the gateway has the operation. Returns false if it has not, or reporting has stopped."""
        return self._wait(self._begun().reporter.created, timeout)

    def delivered(self, timeout: float | None = None) -> bool:
        """Waits until everything up to the end was delivered. Returns false if something was not."""
        return self._wait(self._begun().reporter.delivered, timeout)

    async def created_async(self) -> bool:
        """Waits in a task until the gateway has the operation."""
        return await asyncio.shield(asyncio.wrap_future(self._begun().reporter.created))

    async def delivered_async(self) -> bool:
        """Waits in a task until everything up to the end was delivered."""
        return await asyncio.shield(asyncio.wrap_future(self._begun().reporter.delivered))

    @staticmethod
    def _wait(future: concurrent.futures.Future[bool], timeout: float | None) -> bool:
        try:
            return future.result(timeout)
        except (TimeoutError, concurrent.futures.CancelledError):
            return False

    def _begun(self) -> Tracked:
        if self._tracked is None:
            raise RuntimeError("the operation has not begun; use the run in a with statement")
        return self._tracked

    def _begin(self) -> Tracked:
        if self._tracked is not None:
            raise RuntimeError("a run is used once; ask the producer for another one")
        tracked = self._tracked = self._producer._track(self._create, self._lease)
        for field, message in self._problems:
            tracked.reporter.complain("created", field, message)
        tracked.reporter.has_own_attempt = self._attempt is not None
        tracked.begin(self._attempt or 1)
        return tracked

    def __enter__(self) -> Operation:
        operation = Operation(self._begin())
        self._enter(operation)
        return operation

    def _enter(self, handle: Handle) -> None:
        self._handle = handle
        self._token = _current.set(handle)

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        tracked = self._begun()
        if self._token is not None:
            try:
                _current.reset(self._token)
            except ValueError:
                # Left in another context than it was entered, as generators may do.
                _current.set(None)
        is_good_exit = isinstance(fault, SystemExit) and fault.code in (None, 0)
        if fault is None or is_good_exit:
            result = None if self._handle is None else self._handle._result
            tracked.end("done", {} if result is None else {"result": result})
        else:
            tracked.fail(fault)

    async def __aenter__(self) -> AsyncOperation:
        tracked = self._begin()
        operation = AsyncOperation(tracked)
        self._enter(operation)
        self._task = asyncio.current_task()
        if self._cancel_task and self._task is not None:
            loop, task = asyncio.get_running_loop(), self._task

            def cancel_task() -> None:
                if tracked.phase == "running" and not task.done():
                    self._cancels_task = True
                    task.cancel()

            def on_cancel() -> None:
                try:
                    loop.call_soon_threadsafe(cancel_task)
                except RuntimeError:
                    pass

            tracked.on_cancel(on_cancel)
        return operation

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        tracked = self._begun()
        self.__exit__(kind, fault, trace)
        if not self._cancels_task or self._task is None:
            return
        self._task.uncancel()
        if tracked.reason is not None and isinstance(fault, asyncio.CancelledError):
            raise Cancelled(tracked.reason.code, tracked.reason.message) from fault


class Producer:
    """Reports on work to a gateway, and receives the commands of people.

    Nothing that work reports ever waits for the gateway or raises because of it: reports are handed to a thread of their
    own, which delivers them in order and each once. Raises ``ValueError`` for a url or key that cannot be one.
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        producer_id: str | None = None,
        max_buffer_bytes: int = 1024 * 1024,
        max_buffer_reports: int = 5_000,
        flush_interval: float = 0.05,
        closing_flush: float = 5.0,
        timeout: float = 10.0,
        on_problem: ProblemListener = warn_of_problem,
        signing: SigningSource | None = None,
        sign_publications: bool = False,
        headers: HeaderSource | None = None,
    ) -> None:
        """Creates a producer. It calls the gateway only once it has work.

        ``max_buffer_bytes`` and ``max_buffer_reports`` bound what waits for the gateway, per operation. Times are in
        seconds: ``flush_interval`` between two sends of reports that are not urgent, ``closing_flush`` for the last
        reports of ended work, ``timeout`` for one call. ``on_problem`` is called in a thread of milepost. ``headers``
        returns further headers of requests, such as ``milepost.opentelemetry.trace_headers``. It is called in a thread of
        milepost, in the context (``contextvars``) of the first report that is sent. Headers of the package itself win.
        """
        self.gateway = Gateway(
            url, api_key, timeout=timeout, signing=signing, sign_publications=sign_publications, headers=headers
        )
        self.max_buffer_bytes = max_buffer_bytes
        self.max_buffer_reports = max_buffer_reports
        self.flush_interval = flush_interval
        self.closing_flush = closing_flush
        self.timeout = timeout
        self._options = (url, api_key, timeout, signing, sign_publications, headers)
        self._given_id = producer_id
        self.id = producer_id or f"producer-{secrets.token_hex(8)}"
        self._on_problem = on_problem
        self.is_closed = False
        self._prepare()
        _producers.add(self)

    @classmethod
    def from_env(cls, **options: Any) -> Self:
        """Creates a producer from ``MILEPOST_URL`` and ``MILEPOST_API_KEY``."""
        url = os.environ.get("MILEPOST_URL", "http://127.0.0.1:8787")
        return cls(url, os.environ.get("MILEPOST_API_KEY", ""), **options)

    def _prepare(self) -> None:
        """Makes what belongs to one process."""
        self.sender = Sender()
        self.callbacks = Callbacks()
        self._lock = threading.RLock()
        self._operations: dict[str, Tracked] = {}
        self._running: set[Tracked] = set()
        self._ended: dict[Tracked, None] = {}
        self._commands = CommandLoop(self.gateway, self.id, self._deliver, self.tell)

    def tell(self, problem: Problem) -> None:
        """Tells the problem listener of a problem. Never raises."""
        self.callbacks.call(lambda: self._on_problem(problem))

    def run(
        self,
        kind: str,
        *,
        title: str | None = None,
        session: str | None = None,
        user: str | None = None,
        collection: str | None = None,
        belongs_to: str | None = None,
        steps: Sequence[StepPlan] | None = None,
        input: Any = None,
        parent: str | None = None,
        weight: float | None = None,
        tags: Sequence[str] | None = None,
        budget: tuple[str, int | str] | None = None,
        size: float | None = None,
        operation_id: str | None = None,
        lease: float | None = None,
        attempt: int | None = None,
        cancel_task: bool = True,
    ) -> Run:
        """Returns an operation, to be used in a ``with`` or ``async with`` statement.

        ``lease`` is the silence in seconds after which the operation counts as stalled; by default the gateway decides.
        A ``parent`` rolls up the progress of its children by their ``weight``, and their counters. A ``budget`` is a counter and
        its limit. The ``size`` is the amount of work in the kind's own unit, such as pages, from which the time left is estimated too.
        With the ``operation_id`` of an operation that an earlier process began, the work goes on with it. ``attempt`` says
        which attempt this is. With ``cancel_task``, the command ``cancel`` cancels the task that entered ``async with``.
        """
        problems: list[tuple[str, str]] = []
        given = {
            "kind": kind,
            "operation_id": operation_id,
            "title": title,
            "session_id": session,
            "user_id": user,
            "collection_id": collection,
            "belongs_to": belongs_to,
            "steps": steps,
            "input": input,
            "parent": parent,
            "weight": weight,
            "tags": list(dict.fromkeys(tags)) if isinstance(tags, (list, tuple)) else tags,
            "budget": budget,
            "size": size,
        }
        create = clean.fields(given, _CREATE_REPAIRS, lambda field, message: problems.append((field, message)))
        if "kind" not in create:
            problems.append(("kind", 'there is no kind; the operation has the kind "work"'))
            create["kind"] = "work"
        create.setdefault("operation_id", secrets.token_hex(12))
        create["producer_id"] = self.id
        if isinstance(lease, (int, float)) and lease == lease:
            create["lease_ms"] = int(min(24 * 3_600_000, max(100, lease * 1_000)))
        known = attempt if isinstance(attempt, int) and 1 <= attempt <= 1_000_000 else None
        return Run(self, create, known, cancel_task, problems)

    def _track(self, create: Json, lease: Json | None = None) -> Tracked:
        if not self.is_closed:
            self.sender.start()
        tracked = Tracked(self, create, secrets.token_hex(6), lease)
        if self.is_closed:
            tracked.reporter.abandon()
            self.tell(Problem(tracked.id, "shutting_down", "the producer is closed; create another one", "stopped"))
            return tracked
        with self._lock:
            self._operations[tracked.id] = tracked
            self._running.add(tracked)
        self.sender.call(self._commands.hold)
        return tracked

    def ended(self, operation: Tracked) -> None:
        """Keeps an ended operation for a while, so that commands to it are still answered."""
        with self._lock:
            if operation not in self._running:
                return
            self._running.discard(operation)
            self._ended[operation] = None
            while len(self._ended) > _ENDED_KEPT:
                oldest = next(iter(self._ended))
                del self._ended[oldest]
                if self._operations.get(oldest.id) is oldest:
                    del self._operations[oldest.id]
        self.sender.call(self._commands.release)

    def _deliver(self, command: Json) -> bool:
        operation = self._operations.get(str(command.get("operation_id")))
        return operation is not None and operation.command(command)

    def worker(
        self, queue: str, handler: Handler, *, slots: int = 1, lease: float = 30.0, name: str | None = None
    ) -> Worker:
        """Returns a worker that claims tickets of a queue and calls ``handler`` with each, in ``slots`` threads.

        ``lease`` is the silence in seconds after which a ticket goes back to its place.
        """
        return Worker(self, queue, handler, slots=slots, lease=lease, name=name)

    def publish(self, channel: str, event: str, data: Any, *, key: str | None = None) -> Json:
        """Publishes to a channel and waits for the answer: its position, and whether it was a duplicate.

        Raises ``MilepostError``. With a ``key``, a repeated call stores nothing twice.
        """
        return self._result(self._publishing(channel, event, data, key))

    async def publish_async(self, channel: str, event: str, data: Any, *, key: str | None = None) -> Json:
        """Publishes to a channel, in a task."""
        return await asyncio.wrap_future(self._publishing(channel, event, data, key))

    def _publishing(
        self, channel: str, event: str, data: Any, key: str | None
    ) -> concurrent.futures.Future[Json]:
        self.sender.start()
        return self.sender.submit(self.gateway.publish(channel, event, data, key))

    def command_all(
        self, command: str, filter: Json, *, args: Any = None, key: str | None = None
    ) -> Iterator[Json]:
        """Sends one command to all operations of a filter, and yields what became of each.

        Each item has the ``operation_id``, and the ``command_id`` and ``phase`` of the command or the ``error`` with which the
        operation refused it. ``filter`` is, for instance, ``{"kind": "index", "tag": "nightly"}``; all conditions must hold.
        The API key needs the scope ``command`` for all operations. The next page is asked for when its first item is.

        Raises ``MilepostError`` at a page that fails. With a ``key``, doing all of it again sends no second command.
        """
        after: str | None = None
        while True:
            page = self._commanding(command, filter, args, key, after)
            results, after = self._result(page)
            yield from results
            if after is None:
                return

    async def command_all_async(
        self, command: str, filter: Json, *, args: Any = None, key: str | None = None
    ) -> AsyncIterator[Json]:
        """Sends one command to all operations of a filter, in a task. See ``command_all``."""
        after: str | None = None
        while True:
            page = self._commanding(command, filter, args, key, after)
            results, after = await asyncio.wrap_future(page)
            for one in results:
                yield one
            if after is None:
                return

    def _commanding(
        self, command: str, filter: Json, args: Any, key: str | None, after: str | None
    ) -> concurrent.futures.Future[tuple[list[Json], str | None]]:
        given = {"command": command, "filter": filter, "args": args, "key": key, "after": after}
        self.sender.start()
        return self.sender.submit(
            self.gateway.command_all({name: value for name, value in given.items() if value is not None})
        )

    def _result(self, future: concurrent.futures.Future[T]) -> T:
        try:
            return future.result()
        except RuntimeError as fault:
            raise MilepostError("shutting_down", "the producer is closed") from fault

    def close(self, timeout: float | None = None) -> bool:
        """Ends the producer: running work is told to end, and what is left is delivered.

        Waits at most ``timeout`` seconds, by default the time of ``closing_flush`` twice. Returns true if everything was
        delivered. Never raises; a second call returns at once.
        """
        with self._lock:
            if self.is_closed:
                return True
            self.is_closed = True
            running = list(self._running)
        limit = time.monotonic() + (2 * self.closing_flush if timeout is None else timeout)
        for operation in running:
            operation.abort(Cancelled("shutting_down", "the producer is shutting down"))
        grace = time.monotonic() + (limit - time.monotonic()) / 2
        while self._running and time.monotonic() < grace:
            # Work that does not look at its operation is not waited for any longer.
            time.sleep(0.01)
        return self._finish(limit)

    async def aclose(self) -> bool:
        """Ends the producer, in a task."""
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        loop = asyncio.get_running_loop()

        def settle(delivered: bool) -> None:
            if not done.done():
                done.set_result(delivered)

        def close() -> None:
            delivered = self.close()
            try:
                loop.call_soon_threadsafe(settle, delivered)
            except RuntimeError:
                pass

        threading.Thread(target=close, name="milepost-close", daemon=True).start()
        return await done

    def _finish(self, limit: float) -> bool:
        """Ends what still runs, waits for what is to be delivered, and ends the thread."""
        for operation in list(self._running):
            operation.end("failed", {"error": {"code": "shutting_down", "message": "the process ended", "retryable": True}})
        delivered = True
        for operation in list(self._ended):
            try:
                delivered &= operation.reporter.delivered.result(max(0.0, limit - time.monotonic()))
            except (TimeoutError, concurrent.futures.CancelledError):
                delivered = False
        self.sender.call(self._commands.close)
        self.sender.stop()
        return delivered

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def _at_exit(self) -> None:
        if not self.is_closed:
            self.is_closed = True
            self._finish(time.monotonic() + self.closing_flush)

    def _after_fork(self) -> None:
        """Makes the producer of a child process a new one. The operations of the parent stay with the parent."""
        for operation in (*self._running, *self._ended):
            operation.abandon()
        # The loop of the parent shares its sockets with the child, so nothing of it may be closed here.
        _of_the_parent.append((self.sender, self.gateway, self._commands, self.callbacks))
        if self._given_id is None:
            self.id = f"producer-{secrets.token_hex(8)}"
        url, api_key, timeout, signing, sign_publications, headers = self._options
        self.gateway = Gateway(
            url, api_key, timeout=timeout, signing=signing, sign_publications=sign_publications, headers=headers
        )
        self._prepare()


_producers: weakref.WeakSet[Producer] = weakref.WeakSet()
_of_the_parent: list[object] = []


def _end_all() -> None:
    for producer in list(_producers):
        producer._at_exit()


def _after_fork_in_child() -> None:
    for producer in list(_producers):
        producer._after_fork()


atexit.register(_end_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
