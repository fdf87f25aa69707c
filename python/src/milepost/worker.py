"""A worker of a queue: claims tickets, runs a function for each, and keeps their leases."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from ._errors import Cancelled, ForeignAnswer, MilepostError
from ._gateway import Json
from ._problem import Problem
from ._reporter import backoff
from ._sender import Flag
from ._tracked import describe

if TYPE_CHECKING:
    from .producer import Producer, Run

_WAIT_S = 25


@dataclass(frozen=True)
class Ticket:
    """A ticket that this worker has claimed. ``lost`` is set once another worker may have it."""

    id: str
    queue: str
    lane: str
    attempt: int
    user: str | None
    session: str | None
    operation_id: str | None
    fence: int
    lost: Flag = field(default_factory=Flag, compare=False)
    _producer: Any = field(default=None, repr=False, compare=False)
    _operation_lease: Json | None = field(default=None, repr=False, compare=False)

    def run(self, kind: str, **options: Any) -> Run:
        """Returns the operation of the ticket, whose page goes on from waiting to running.

        Takes the arguments of :meth:`milepost.Producer.run`. Its pause points raise :class:`milepost.Cancelled` once the
        ticket is lost.
        """
        options.setdefault("user", self.user)
        options.setdefault("session", self.session)
        if self.operation_id is not None:
            options["operation_id"] = self.operation_id
        run: Run = self._producer.run(kind, **options)
        run._lease = self._operation_lease

        def abort() -> None:
            if run._tracked is not None:
                run._tracked.abort(Cancelled("stale_lease", "another worker may have the ticket"))

        self.lost._listeners.append(abort)
        return run


Handler = Callable[[Ticket], object]


class Worker:
    """Claims tickets of a queue and calls a function with each, in ``slots`` threads of its own.

    A ticket is finished once the function returns, and has failed if it raises. While the function runs, the lease of the
    ticket is extended. A worker that dies loses its tickets within their lease; they wait again at their old places.
    """

    def __init__(
        self, producer: Producer, queue: str, handler: Handler, *, slots: int, lease: float, name: str | None
    ) -> None:
        self.name = name or f"worker-{secrets.token_hex(6)}"
        self._producer = producer
        self._path = f"/v1/queues/{quote(queue, safe='')}"
        self._queue = queue
        self._handler = handler
        self._slots = slots
        self._lease_ms = int(lease * 1_000)
        self._is_closed = False
        self._busy = 0
        self._idle = threading.Event()
        self._idle.set()
        producer.sender.start()
        self._futures = [producer.sender.submit(self._serve()) for _ in range(slots)]

    def close(self, timeout: float | None = None) -> bool:
        """Claims nothing more, and waits until the tickets that run have ended. Returns false if they have not."""
        self._is_closed = True
        return self._idle.wait(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def _serve(self) -> None:
        failures = 0
        claim_id = secrets.token_hex(12)
        while not self._is_closed:
            since = time.monotonic()
            body = {"worker": self.name, "lease_ms": self._lease_ms, "slots": self._slots, "claim_id": claim_id}
            try:
                path = f"{self._path}/claim?wait={_WAIT_S}"
                claimed = await self._producer.gateway.call("POST", path, body, wait=_WAIT_S)
                failures = 0
            except MilepostError as error:
                failures += 1
                is_final = not error.retryable and not isinstance(error, ForeignAnswer) and error.code != "not_found"
                if failures == 1 or is_final:
                    effect = "stopped" if is_final else "retrying"
                    message = f"could not claim from the queue {self._queue}: {error.message}"
                    self._producer.tell(Problem(None, error.code, message, effect))
                if is_final:
                    return
                # The same claim again returns the ticket whose answer was lost.
                await asyncio.sleep(backoff(failures, 0.25, 15.0, error.retry_after or 0.0))
                continue
            claim_id = secrets.token_hex(12)
            if "lease" not in claimed:
                if time.monotonic() - since < 0.25:
                    await asyncio.sleep(0.25)
                continue
            await self._work_on(claimed)

    async def _work_on(self, claimed: Json) -> None:
        ticket = Ticket(
            id=claimed["id"],
            queue=self._queue,
            lane=claimed.get("lane", ""),
            attempt=claimed.get("attempt", 1),
            user=claimed.get("user_id"),
            session=claimed.get("session_id"),
            operation_id=claimed.get("operation_id"),
            fence=claimed["lease"]["fence"],
            _producer=self._producer,
            _operation_lease=claimed.get("operation_lease"),
        )
        self._busy += 1
        self._idle.clear()
        try:
            if self._is_closed:
                await self._end(ticket, "fail", {"give_back": True})
                return
            ended = self._call(ticket)
            interval = claimed["lease"]["ttl_ms"] / 3_000
            while not ended.done():
                await asyncio.wait({ended}, timeout=interval)
                if not ended.done():
                    await self._extend(ticket)
            fault = ended.result()
            if ticket.lost:
                return
            if fault is None:
                await self._end(ticket, "finish", {})
            else:
                await self._end(ticket, "fail", {"reason": describe(fault, False)["message"][:500]})
        finally:
            self._busy -= 1
            if self._busy == 0:
                self._idle.set()

    def _call(self, ticket: Ticket) -> asyncio.Future[BaseException | None]:
        """Calls the function in a thread of its own. The future has what the function raised."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[BaseException | None] = loop.create_future()

        def settle(fault: BaseException | None) -> None:
            if not ended.done():
                ended.set_result(fault)

        def work() -> None:
            fault: BaseException | None = None
            try:
                self._handler(ticket)
            except BaseException as thrown:
                fault = thrown
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(settle, fault)

        try:
            threading.Thread(target=work, name=f"milepost-{self._queue}", daemon=True).start()
        except RuntimeError as fault:
            settle(fault)
        return ended

    async def _extend(self, ticket: Ticket) -> None:
        try:
            body = {"fence": ticket.fence, "lease_ms": self._lease_ms}
            await self._producer.gateway.call("POST", f"{self._path}/tickets/{quote(ticket.id)}/extend", body)
        except MilepostError as error:
            if not error.retryable and not isinstance(error, ForeignAnswer):
                ticket.lost._set()

    async def _end(self, ticket: Ticket, how: str, more: Json) -> None:
        """Ends the ticket. Ending it twice changes nothing, so the call is repeated until the lease is over."""
        until = time.monotonic() + self._lease_ms / 1_000
        failures = 0
        while True:
            try:
                body = {"fence": ticket.fence, **more}
                await self._producer.gateway.call("POST", f"{self._path}/tickets/{quote(ticket.id)}/{how}", body)
                return
            except MilepostError as error:
                failures += 1
                is_final = not error.retryable and not isinstance(error, ForeignAnswer)
                if is_final or time.monotonic() > until:
                    message = f"the ticket {ticket.id} could not be ended: {error.message}"
                    self._producer.tell(Problem(ticket.operation_id, error.code, message, "dropped"))
                    return
            await asyncio.sleep(backoff(failures, 0.1, 2.0))
