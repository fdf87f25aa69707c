"""Messages that people send into a running operation."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Literal
from urllib.parse import quote

from ._errors import Cancelled, ForeignAnswer, MilepostError
from ._gateway import Json, error_of
from ._reporter import Reporter, Settings, backoff
from ._sender import Flag

#: What happens to a message that comes while the work is busy with an earlier one.
InputPolicy = Literal["queue", "reject", "interrupt"]

_WAIT_S = 25
#: Pause after a quick answer without news, so that such answers do not make the loop call without end.
_IDLE_PAUSE_S = 0.25
#: Messages whose ids are remembered, so that none is taken twice.
_KNOWN = 1_000


class Input:
    """A message that a person sent into the running operation."""

    def __init__(self, input_id: str, data: Any, by: str | None) -> None:
        self.id = input_id
        #: What the person sent: any JSON value.
        self.data = data
        #: User or API key that sent it.
        self.by = by
        #: Set under the policy ``interrupt`` once a later message came: the work on this one must end.
        self.interrupted = Flag()


class Inputs:
    """The messages to one operation. Its tasks run in the thread of the sender.

    A message is handed to the work only when the gateway has stored that it is taken. So one that was not taken comes again
    to the next process, and one that was taken never does.
    """

    def __init__(self, settings: Settings, reporter: Reporter, report: Callable[[str, Json], None]) -> None:
        self._gateway = settings.gateway
        self._reporter = reporter
        self._report = report
        self._path = f"/v1/operations/{quote(reporter.operation_id, safe='')}/inputs"
        self._waiting: deque[Input] = deque()
        self._known: dict[str, None] = {}
        self._after = 0
        self._policy: InputPolicy = "queue"
        self._current: Input | None = None
        self._task: asyncio.Task[None] | None = None
        self._news: asyncio.Event | None = None
        self._failed: MilepostError | None = None

    def begin(self, policy: InputPolicy) -> None:
        """Reports the policy. The operation is busy with nothing else from now on."""
        self._policy = policy
        self._failed = None
        accepts: Json = {"inputs": policy}
        if policy == "reject":
            accepts["busy"] = False
        self._accept(accepts)

    def settle(self) -> None:
        """Reports that the work has finished with the message that it took last."""
        current, self._current = self._current, None
        if current is not None:
            phase = "interrupted" if current.interrupted else "done"
            self._report("input", {"input_id": current.id, "phase": phase})

    def left(self) -> None:
        """Reports that the work takes no messages for now."""
        self.settle()
        if self._policy == "reject":
            self._accept({"busy": True})

    def stop(self) -> None:
        """Ends the wait for messages, in the thread of the sender."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def take(self) -> Input:
        """Waits for the next message, and takes it. Raises ``MilepostError`` if there can be none."""
        self.settle()
        if not await asyncio.wrap_future(self._reporter.created):
            raise MilepostError("unavailable", "no messages arrive, because reporting has stopped", retryable=False)
        if self._news is None:
            self._news = asyncio.Event()
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._poll(self._news))
        while True:
            while not self._waiting:
                if self._failed is not None:
                    raise self._failed
                self._news.clear()
                await self._news.wait()
            one = self._waiting.popleft()
            if await self._is_taken(one):
                self._current = one
                if self._waiting:
                    self._interrupt()
                return one

    def _accept(self, accepts: Json) -> None:
        self._reporter.accepts.update(accepts)
        self._report("accepts", accepts)

    def _interrupt(self) -> None:
        if self._policy == "interrupt" and self._current is not None:
            self._current.interrupted._set()

    async def _is_taken(self, one: Input) -> bool:
        """Stores that a message is taken. Returns false if it no longer can be."""
        event = {"event": "input", "data": {"input_id": one.id, "phase": "taken"}, "key": f"taken-{one.id}"}
        self._reporter.hurry()
        failures = 0
        while True:
            try:
                lease = self._reporter.lease
                if lease is None:
                    raise MilepostError("unavailable", "the operation has no lease yet", retryable=True)
                results = await self._gateway.report(self._reporter.operation_id, lease["token"], [event])
                failure = results[0].get("error") if results else None
                if failure is None:
                    return True
                error = error_of(failure)
                if not error.retryable:
                    return False
                raise error
            except MilepostError as error:
                failures += 1
                await self._recover(error, failures)

    async def _poll(self, news: asyncio.Event) -> None:
        failures = 0
        creations = self._reporter.creations
        while True:
            since = time.monotonic()
            # A gateway that has forgotten the operation counts its messages anew.
            if creations != self._reporter.creations:
                self._after = 0
            creations = self._reporter.creations
            try:
                path = f"{self._path}?wait={_WAIT_S}&after={self._after}"
                answer = await self._gateway.call("GET", path, None, wait=_WAIT_S)
                found = answer.get("inputs")
                if not isinstance(found, list):
                    raise MilepostError("internal", "the gateway answered without messages")
                failures = 0
                has_news = [self._receive(one) for one in found if isinstance(one, dict)]
                if any(has_news):
                    news.set()
                elif time.monotonic() - since < _IDLE_PAUSE_S:
                    await asyncio.sleep(_IDLE_PAUSE_S)
            except MilepostError as error:
                self._after = 0
                failures += 1
                try:
                    await self._recover(error, failures)
                except MilepostError as final:
                    self._failed = final
                    news.set()
                    return

    async def _recover(self, error: MilepostError, failures: int) -> None:
        """Waits before the next try, or raises an error that no try changes."""
        is_passing = error.code in ("not_found", "stale_lease") and self._reporter.is_open
        if not error.retryable and not isinstance(error, ForeignAnswer) and not is_passing:
            raise error
        await asyncio.sleep(backoff(failures, 0.1, 5.0, error.retry_after or 0.0))
        if not self._reporter.is_open:
            raise Cancelled("stale_lease", "the operation is reported by another producer, or not at all any more")

    def _receive(self, one: Json) -> bool:
        """Adds a message to those that wait. Returns false for one that is known."""
        input_id, seq = one.get("input_id"), one.get("seq")
        if not isinstance(input_id, str) or not isinstance(seq, int):
            return False
        self._after = max(self._after, seq)
        if input_id in self._known:
            return False
        self._known[input_id] = None
        if len(self._known) > _KNOWN:
            del self._known[next(iter(self._known))]
        if one.get("phase") == "taken":
            # An earlier process took it and did not finish it.
            self._report("input", {"input_id": input_id, "phase": "interrupted"})
            return True
        by = one.get("by")
        self._waiting.append(Input(input_id, one.get("data"), by if isinstance(by, str) else None))
        self._interrupt()
        return True
