"""Delivers the reports on one operation: in order, each once, without the work ever waiting."""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import random
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeVar

from . import _reports as reports
from ._errors import ForeignAnswer, MilepostError
from ._gateway import Gateway, Json, error_of
from ._outbox import Outbox, Sent
from ._problem import Problem
from ._sender import Sender
from ._slimmer import CAUSED_BY_A_VALUE, slimmer_create, slimmer_report, slimmest_create, without_belonging

T = TypeVar("T")

_MAX_BATCH = 200
_MAX_BATCH_BYTES = 128 * 1024
#: Size in bytes that no proxy refuses as too large, whatever its answer says.
_ALWAYS_SMALL = 1_024
_CAUSED_BY_ONE_REPORT = CAUSED_BY_A_VALUE | {"invalid_event", "not_possible_now"}
_FINAL = frozenset({"done", "failed", "cancelled", "lost"})
#: Reports that a caller may have handed over before it puts them into the outbox itself.
_HANDED_OVER = 256
#: Refusals of one report before an empty report is tried in its place, and empty reports that must pass between.
_REFUSALS, _PROBES = 5, 3


class Settings(Protocol):
    """What a reporter needs of its producer."""

    gateway: Gateway
    sender: Sender
    max_buffer_bytes: int
    max_buffer_reports: int
    flush_interval: float
    timeout: float
    closing_flush: float

    def tell(self, problem: Problem) -> None: ...


def backoff(failures: int, base: float, cap: float, at_least: float = 0.0) -> float:
    """Returns the wait before the next try in seconds: full jitter, and what the gateway asked for, at most an hour."""
    bound = min(cap, base * 2.0 ** min(failures - 1, 30))
    return min(at_least, 3_600.0) + random.random() * bound


class Reporter:
    """Delivers the reports on one operation to the gateway.

    It makes one call at a time. It repeats a call that failed in a retryable way or was not answered in time, with the same
    keys. If the gateway has forgotten the operation, it creates it again. If the gateway gave the operation up as lost,
    it reports ``started`` with a higher attempt.
    """

    def __init__(
        self,
        settings: Settings,
        create: Json,
        key_prefix: str,
        on_taken_over: Callable[[MilepostError], None],
        lease: Json | None = None,
    ) -> None:
        self.operation_id: str = create["operation_id"]
        #: Done with true once the gateway has the operation, with false if reporting stops before.
        #: Number of times that the operation was created; more than once if the gateway forgot it.
        self.creations = 0
        #: What the operation accepts, as it was reported; a gateway that forgot the operation hears it again.
        self.accepts: Json = {}
        self.created: concurrent.futures.Future[bool] = concurrent.futures.Future()
        #: Done with true once everything up to the end of the operation was delivered, with false if something was not.
        self.delivered: concurrent.futures.Future[bool] = concurrent.futures.Future()
        #: Number of the attempt that was last reported as started; 0 before the first.
        self.attempt = 0
        #: True if the work itself said which attempt it is.
        self.has_own_attempt = False
        self._settings = settings
        self._create = create
        self._on_taken_over = on_taken_over
        self._incoming: deque[reports.Report] = deque()
        self._lock = threading.Lock()
        self._outbox = Outbox(settings.max_buffer_bytes, settings.max_buffer_reports, key_prefix)
        self._phase = "open"
        self._is_signalled = False
        self._is_urgent = False
        self._started: reports.Data = {}
        # Everything below belongs to the thread of the sender.
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._deadline: asyncio.Timeout | None = None
        self._closing_by = 0.0
        self.lease: Json | None = lease
        self._takes_over = lease is not None
        if lease is not None:
            self.created.set_result(True)
        self._is_started_stored = False
        self._is_end_stored = False
        self._was_forgotten = False
        self._was_silent = False
        self._was_reopened = False
        self._failures = 0
        self._retry_at = 0.0
        self._batch_limit = _MAX_BATCH
        self._refusals = self._probes = 0
        self._wants_probe = False
        self._foreign_refusals = 0
        self._foreign_refusal: ForeignAnswer | None = None
        self._last_flush = float("-inf")
        #: Headers of the context in which the first report that waits was made.
        self._headers: Json | None = None
        self._last_contact = time.monotonic()
        self._complained: set[str] = set()
        self._has_lost = False
        settings.sender.call(self._begin)

    # What the work calls.

    def report(self, event: str, data: reports.Data, slot: str | None = None) -> None:
        """Hands a clean report over. Never raises and never waits."""
        if self._phase == "stopped":
            return
        incoming = self._incoming
        if event == "started":
            self.attempt = data.get("attempt", self.attempt + 1)
            self._started = data
        incoming.append((event, data, slot))
        if len(incoming) >= _HANDED_OVER:
            self._drain()
        if slot is None and event in reports.LIFECYCLE:
            self._is_urgent = True
        elif self._is_signalled:
            return
        self._is_signalled = True
        self._settings.sender.call(self._on_signal)

    @property
    def is_open(self) -> bool:
        """True while the work runs and its reports may still reach the gateway."""
        return self._phase == "open"

    def hurry(self) -> None:
        """Sends what waits at once, in the thread of the sender."""
        self._is_urgent = True
        self._wake.set()

    def complain(self, event: str, field: str, message: str) -> None:
        """Tells the problem listener what an event loses. Each field of an event is told of once."""
        self._has_lost = True
        what = f"{event}.{field}"
        if field != "" and what in self._complained:
            return
        if len(self._complained) < 1_000:
            self._complained.add(what)
        self._tell("bad_message", message, "dropped", event)

    def close(self) -> None:
        """Delivers the remaining reports after the work has ended, for the time of ``closing_flush`` at most."""
        self._settings.sender.call(self._begin_closing)

    def reopen(self) -> None:
        """Starts reporting again on an operation that has ended, in the thread of the sender."""
        if self._phase == "open":
            return
        if self._phase == "stopped":
            with self._lock:
                self._incoming.clear()
                self._outbox.clear()
        self._settle_delivered(False)
        self.delivered = concurrent.futures.Future()
        self._phase = "open"
        self.lease = None
        self._takes_over = True
        self._failures = 0
        self._has_lost = False
        self._outbox.has_dropped = False
        self._begin()

    def abandon(self) -> None:
        """Drops everything, in a child process, in which the sender of the parent does not run."""
        self._phase = "stopped"
        self._lock = threading.Lock()
        self._incoming = deque()
        self._outbox.clear()
        # The locks of the old ones may have been held at the moment of the fork.
        self.created = concurrent.futures.Future()
        self.created.set_result(False)
        self.delivered = concurrent.futures.Future()
        self.delivered.set_result(False)

    def _drain(self) -> None:
        """Moves what was handed over into the outbox, unless another thread, or a caller further up, does so now."""
        if not self._lock.acquire(blocking=False):
            return
        try:
            self._drain_locked()
        finally:
            self._lock.release()

    def _drain_locked(self) -> None:
        incoming = self._incoming
        add = self._outbox.add
        for _ in range(len(incoming)):
            try:
                one = incoming.popleft()
            except IndexError:
                return
            add(*one)

    # What runs in the thread of the sender.

    def _begin(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._main())

    def _on_signal(self) -> None:
        """Runs in the context of the report that signalled, so that the headers are those of its span."""
        if self._headers is None:
            self._headers = self._settings.gateway.further_headers()
        if self._phase == "closed":
            # A late report, such as the answer to a command.
            self._phase = "closing"
            self._closing_by = time.monotonic() + self._settings.closing_flush
            self._begin()
        self._wake.set()

    def _begin_closing(self) -> None:
        if self._phase != "open":
            return
        self._phase = "closing"
        now = time.monotonic()
        self._closing_by = now + self._settings.closing_flush
        if self._deadline is not None and not self._deadline.expired():
            # Otherwise a call that hangs would use up the remaining time.
            limit = asyncio.get_running_loop().time() + self._call_timeout()
            when = self._deadline.when()
            self._deadline.reschedule(limit if when is None else min(when, limit))
        if self._failures > 0:
            self._failures = 1
            self._retry_at = min(self._retry_at, now + 0.1 * random.random())
        self._wake.set()

    async def _main(self) -> None:
        try:
            while self._phase in ("open", "closing"):
                self._wake.clear()
                delay = self._delay()
                if delay is None:
                    return
                if delay > 0:
                    timer = asyncio.get_running_loop().call_later(delay, self._wake.set)
                    await self._wake.wait()
                    timer.cancel()
                else:
                    await self._turn()
        except Exception as fault:  # A bug here must not hang those who wait.
            self._stop("internal", f"reporting broke: {fault!r}")

    def _delay(self) -> float | None:
        """Returns the seconds until the next call; None if there is none any more."""
        now = time.monotonic()
        if self._phase == "closing" and now >= self._closing_by:
            self._stop("timed_out", "the last reports could not be delivered in time")
            return None
        delay = self._delay_of_call(now)
        if delay is not None and delay > 0 and self._phase == "closing":
            return min(delay, max(0.001, self._closing_by - now))
        return delay

    def _delay_of_call(self, now: float) -> float | None:
        if self._failures > 0:
            return self._retry_at - now
        if self._incoming or len(self._outbox) > 0 or self.lease is None:
            if self._is_urgent or self._phase == "closing":
                return 0.0
            return self._last_flush + self._settings.flush_interval - now
        # From here on, a report wakes this thread again. One that came just before is in `_incoming` now.
        self._is_signalled = False
        if self._incoming:
            return 0.0
        if self._phase == "closing":
            self._phase = "closed"
            self._settle_delivered(not self._lost_any)
            return None
        return self._last_contact + float(self.lease["ttl_ms"]) / 3_000 - now

    async def _turn(self) -> None:
        """Makes one call and prepares the next according to its outcome."""
        try:
            if self.lease is None:
                await self._acquire()
            else:
                await self._send(self.lease)
        except MilepostError as error:
            self._on_failure(error)
        except Exception as fault:
            self._on_failure(MilepostError("internal", str(fault) or type(fault).__name__))

    async def _acquire(self) -> None:
        if self._takes_over:
            take_over = self._settings.gateway.take_over
            lease_ms, worker = self._create.get("lease_ms"), self._create.get("producer_id")
            lease = await self._timed(take_over(self.operation_id, lease_ms, worker))
            self.lease = lease
            self._contact()
            return
        created = await self._attempt_create()
        if created is None:
            self._contact()
            return
        self.lease = created["lease"]
        self.creations += 1
        if not self.created.done():
            if created.get("duplicate") is True:
                self._continue_from(created["operation"])
            self.created.set_result(True)
        if self._was_forgotten:
            self._was_forgotten = False
            with self._lock:
                if self.accepts:
                    self._outbox.put_first("accepts", dict(self.accepts))
                self._outbox.put_first("started", {"attempt": self.attempt})
        self._contact()

    def _continue_from(self, state: Mapping[str, Any]) -> None:
        """Goes on with an operation that an earlier process began: as the next attempt, if that one had ended."""
        attempt = state.get("attempt")
        if self.has_own_attempt or not isinstance(attempt, int) or attempt < self.attempt:
            return
        if state.get("status") in _FINAL:
            attempt += 1
        self.attempt = attempt
        # The report still waits: without a lease nothing was sent.
        self._started["attempt"] = attempt

    async def _attempt_create(self) -> Json | None:
        """Creates the operation. Returns None if it is to be created with less in it."""
        is_tenth = self._foreign_refusals > 0 and self._foreign_refusals % 10 == 0
        probe = slimmest_create(self._create) if is_tenth else None
        body = self._create if probe is None else probe[0]
        try:
            created = await self._timed(self._settings.gateway.create(body))
        except MilepostError as error:
            is_foreign = isinstance(error, ForeignAnswer)
            if isinstance(error, ForeignAnswer) and error.is_about_request:
                self._foreign_refusals += 1
                self._foreign_refusal = error
            if is_foreign:
                may_help = _is_too_large(error, len(json.dumps(body)))
            else:
                may_help = error.code in CAUSED_BY_A_VALUE
            slimmer = (
                slimmer_create(body, keeps_owner=is_foreign) if may_help else without_belonging(error.code, body)
            )
            if slimmer is None:
                raise
            self._leave_out(slimmer, error)
            return None
        if probe is not None and self._foreign_refusal is not None:
            self._leave_out(probe, self._foreign_refusal)
        self._foreign_refusals = 0
        return created

    def _leave_out(self, slimmer: tuple[Json, str], error: MilepostError) -> None:
        self._create = slimmer[0]
        self._refused_part(error, f"the operation; it is created without {slimmer[1]}", "created")

    async def _send(self, lease: Json) -> None:
        self._is_urgent = False
        self._is_signalled = False
        self._last_flush = time.monotonic()
        with self._lock:
            self._drain_locked()
            batch = [] if self._wants_probe else self._outbox.take(self._batch_limit, _MAX_BATCH_BYTES)
        events = [{"event": one.event, "data": one.data, "key": one.key} for one in batch]
        # A report without events only extends the lease.
        headers, self._headers = (self._headers, None) if batch else (None, self._headers)
        report = self._settings.gateway.report
        try:
            results = await self._timed(
                report(self.operation_id, lease["token"], events, self._call_timeout(), headers or {})
            )
        except MilepostError as error:
            if self._headers is None:
                self._headers = headers
            if batch and self._is_about_report(batch, error):
                self._on_refused_batch(batch, error)
                return
            raise
        if self._wants_probe:
            self._probes += 1
            self._wants_probe = False
            self._contact()
            return
        if batch:
            self._refusals = self._probes = 0
        self._settle(batch, results)

    def _is_about_report(self, batch: list[Sent], error: MilepostError) -> bool:
        """Returns true if a refused batch has to be split, or its only report to be sent with less or given up."""
        if not isinstance(error, ForeignAnswer):
            return not error.retryable and error.code in _CAUSED_BY_ONE_REPORT
        if not error.is_about_request:
            return False
        if len(batch) > 1:
            # A proxy may refuse one report of the batch. Smaller batches let the reports before it pass.
            self._batch_limit = (len(batch) + 1) // 2
            return error.code == "too_large"
        only = batch[0]
        if not _is_too_large(error, only.size):
            self._refusals += 1
            if self._refusals < _REFUSALS:
                return False
            if self._probes < _PROBES:
                self._wants_probe = True
                return False
        # Without its end, the operation would run for ever.
        return only.event not in reports.ENDS or slimmer_report(only.event, only.data) is not None

    def _settle(self, batch: list[Sent], results: list[Json]) -> None:
        self._contact()
        self._batch_limit = min(_MAX_BATCH, self._batch_limit * 2)
        again: list[tuple[str, reports.Data, str | None]] = []
        settled = 0
        for index, sent in enumerate(batch):
            if index >= len(results):
                if index == 0:
                    self._on_failure(MilepostError("internal", "the gateway returned no result for the first event"))
                break
            result = results[index]
            failure = result.get("error") if isinstance(result, dict) else None
            if failure is None:
                settled += 1
                if sent.event == "started":
                    self._is_started_stored = True
                    self._is_end_stored = False
                elif sent.event in reports.ENDS:
                    self._is_end_stored = True
                continue
            error = error_of(failure)
            # A command or message that is not there says nothing about the operation.
            is_forgotten = error.code == "not_found" and sent.event not in ("command", "input")
            if error.retryable or error.code == "stale_lease" or is_forgotten:
                self._on_failure(error)
                break
            if self._revives(sent, error, settled):
                settled = 0
                break
            settled += 1
            instead = self._instead_of(sent, error, batch[index + 1 :])
            if instead is not None:
                again.append((sent.event if sent.event != "done" or "error" not in instead else "failed", instead, sent.slot))
        with self._lock:
            self._outbox.settle(settled)
            # Only now, since the results are in the order of the batch. After a takeover there is nothing to send.
            if self._phase != "stopped":
                for event, data, slot in reversed(again):
                    self._outbox.put_first(event, data, slot)

    def _instead_of(self, sent: Sent, error: MilepostError, later: list[Sent]) -> reports.Data | None:
        """Returns what is sent in place of a report that was refused for good, or None if nothing is."""
        if sent.event == "done" and error.code == "invalid_data":
            # A result that breaks the contract ends the operation as failed, with the reason.
            self._refused_part(error, "the result; the operation ends as failed", "done")
            return {"error": {"code": error.code, "message": error.message, "retryable": False}}
        is_outdated = sent.slot is not None and any(other.slot == sent.slot for other in later)
        may_help = error.code in CAUSED_BY_A_VALUE or isinstance(error, ForeignAnswer)
        slimmer = slimmer_report(sent.event, sent.data) if may_help and not is_outdated else None
        rest = "" if slimmer is None else f"; it is sent again without {slimmer[1]}"
        self._refused_part(error, f"the event{rest}", sent.event)
        return None if slimmer is None else slimmer[0]

    def _revives(self, sent: Sent, error: MilepostError, settled: int) -> bool:
        """Reports the start of the next attempt if the gateway gave up an operation whose work still runs."""
        if error.code != "not_possible_now" or sent.event == "started":
            return False
        if not self._was_silent or not self._is_started_stored or self._is_end_stored:
            return False
        self._was_silent = False
        self.attempt += 1
        self._is_started_stored = False
        with self._lock:
            self._outbox.settle(settled)
            self._outbox.put_first("started", {"attempt": self.attempt})
        return True

    def _on_refused_batch(self, batch: list[Sent], error: MilepostError) -> None:
        """Gives a refused report up, or sends it with less in it; halves a batch until the faulty report is alone."""
        if len(batch) == 1:
            self._refusals = self._probes = 0
            sent = batch[0]
            instead = self._instead_of(sent, error, [])
            with self._lock:
                self._outbox.settle(1)
                if instead is not None:
                    event = "failed" if sent.event == "done" and "error" in instead else sent.event
                    self._outbox.put_first(event, instead, sent.slot)
            self._batch_limit = _MAX_BATCH
        else:
            self._batch_limit = (len(batch) + 1) // 2
        self._contact()

    def _on_failure(self, error: MilepostError) -> None:
        if error.code == "stale_lease":
            self._stop(error.code, error.message)
            self._on_taken_over(error)
            return
        forgotten = error.code == "not_found" and self.lease is not None
        if forgotten and not self._is_end_stored:
            self.lease = None
            self._takes_over = False
            self._was_forgotten = self._is_started_stored
        elif not error.retryable and not isinstance(error, ForeignAnswer):
            self._stop(error.code, error.message)
            return
        if self._failures == 0:
            self._tell(error.code, error.message, "retrying")
        self._failures += 1
        cap = 0.5 if self._phase == "closing" else 5.0
        self._retry_at = time.monotonic() + backoff(self._failures, 0.1, cap, error.retry_after or 0.0)

    def _contact(self) -> None:
        self._failures = 0
        now = time.monotonic()
        if self.lease is not None and now - self._last_contact > self.lease["ttl_ms"] / 1_000:
            self._was_silent = True
        self._last_contact = now

    async def _timed(self, call: Awaitable[T]) -> T:
        """Waits for a call, for the time of one call at most. The end of the work makes that time shorter."""
        try:
            async with asyncio.timeout(self._call_timeout()) as self._deadline:
                return await call
        except TimeoutError:
            raise MilepostError("timed_out", "the gateway did not answer in time") from None
        finally:
            self._deadline = None

    def _call_timeout(self) -> float:
        timeout = self._settings.timeout
        return min(timeout, self._settings.closing_flush / 3) if self._phase == "closing" else timeout

    def stop(self, reason: str) -> None:
        """Stops all reporting at once, in the thread of the sender. What was not delivered is lost."""
        self._stop("cancelled", reason)

    def _stop(self, code: str, message: str) -> None:
        if self._phase in ("stopped", "closed"):
            return
        self._phase = "stopped"
        with self._lock:
            self._incoming.clear()
            self._outbox.clear()
        self._tell(code, message, "stopped")
        if not self.created.done():
            self.created.set_result(False)
        self._settle_delivered(False)
        self._wake.set()
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()

    def _settle_delivered(self, delivered: bool) -> None:
        if not self.delivered.done():
            self.delivered.set_result(delivered)

    @property
    def _lost_any(self) -> bool:
        return self._has_lost or self._outbox.has_dropped

    def _refused_part(self, error: MilepostError, what: str, event: str) -> None:
        self._has_lost = True
        self._tell(error.code, f"the gateway refused {what}: {error.message}", "dropped", event)

    def _tell(self, code: str, message: str, effect: str, event: str | None = None) -> None:
        self._settings.tell(Problem(self.operation_id, code, message, effect, event))


def _is_too_large(error: MilepostError, size: int) -> bool:
    """Returns true if an error says for certain that a request of this size is too large."""
    return error.code == "too_large" and not (isinstance(error, ForeignAnswer) and size <= _ALWAYS_SMALL)
