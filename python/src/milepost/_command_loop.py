"""Receives the commands to all operations of one producer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from ._errors import ForeignAnswer, MilepostError
from ._gateway import Gateway, Json
from ._problem import Problem
from ._reporter import backoff

_WAIT_S = 25
#: Pause after a quick answer without news, so that such answers do not make the loop call without end.
_IDLE_PAUSE_S = 0.25


class CommandLoop:
    """Polls the gateway while there is work. It makes one call at a time, in the thread of the sender."""

    def __init__(
        self,
        gateway: Gateway,
        producer_id: str,
        deliver: Callable[[Json], bool],
        tell: Callable[[Problem], Any],
    ) -> None:
        self._gateway = gateway
        self._producer_id = producer_id
        self._deliver = deliver
        self._tell = tell
        self._holders = 0
        self._task: asyncio.Task[None] | None = None
        self._is_ended = False

    def hold(self) -> None:
        """Keeps the loop running until :meth:`release` was called as often."""
        self._holders += 1
        if self._holders == 1 and not self._is_ended and (self._task is None or self._task.done()):
            self._task = asyncio.get_running_loop().create_task(self._run())

    def release(self) -> None:
        """Ends the loop once nothing holds it."""
        self._holders -= 1
        if self._holders == 0:
            self._stop()

    def close(self) -> None:
        """Ends the loop for good."""
        self._is_ended = True
        self._stop()

    def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        failures = 0
        while self._holders > 0 and not self._is_ended:
            since = time.monotonic()
            delay = 0.0
            try:
                commands = await self._gateway.pending_commands(self._producer_id, _WAIT_S)
                failures = 0
                news = sum(1 for command in commands if self._deliver(command))
                if news == 0 and time.monotonic() - since < _IDLE_PAUSE_S:
                    delay = _IDLE_PAUSE_S
            except Exception as thrown:
                error = thrown if isinstance(thrown, MilepostError) else MilepostError("internal", str(thrown))
                failures += 1
                self._is_ended = not error.retryable and not isinstance(error, ForeignAnswer)
                if failures == 1 or self._is_ended:
                    effect = "stopped" if self._is_ended else "retrying"
                    self._tell(Problem(None, error.code, f"could not poll for commands: {error.message}", effect))
                delay = max(0.001, backoff(failures, 0.25, 15.0, error.retry_after or 0.0))
            await asyncio.sleep(delay)
