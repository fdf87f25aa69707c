"""The thread that talks to the gateway, and the thread that calls the caller's functions."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import queue
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_log = logging.getLogger("milepost")
#: Calls of the caller's functions that may wait; more are left out.
_MAX_CALLS = 1_000


class Sender:
    """An event loop in a daemon thread of its own. Nothing that a caller calls here waits for the network."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._is_broken = False

    def start(self) -> bool:
        """Starts the thread, unless it runs. Returns false if this process can start no thread; never raises."""
        if self._loop is not None:
            return not self._is_broken
        try:
            loop: asyncio.AbstractEventLoop = asyncio.SelectorEventLoop()
            self._loop = loop
            self._thread = threading.Thread(target=self._run, args=(loop,), name="milepost", daemon=True)
            self._thread.start()
        except Exception as fault:
            self._is_broken = True
            _log.warning("nothing is reported, because the thread for it cannot start: %s", fault)
            return False
        return True

    @staticmethod
    def _run(loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
        finally:
            with contextlib.suppress(Exception):
                for task in asyncio.all_tasks(loop):
                    task.cancel()
                loop.run_until_complete(asyncio.sleep(0))
                loop.close()

    @property
    def is_own_thread(self) -> bool:
        """True in the thread of the sender."""
        return self._thread is threading.current_thread()

    def call(self, function: Callable[..., object], *args: object) -> None:
        """Calls a function in the loop, soon. Never raises; does nothing once the loop has ended."""
        loop = self._loop
        if loop is None:
            return
        with contextlib.suppress(RuntimeError, OSError):
            loop.call_soon_threadsafe(function, *args)

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Runs a coroutine in the loop. Its future fails with ``RuntimeError`` if the loop does not run."""
        loop = self._loop
        if loop is None or not self.start():
            coroutine.close()
            failed: concurrent.futures.Future[T] = concurrent.futures.Future()
            failed.set_exception(RuntimeError("the sender does not run"))
            return failed
        try:
            return asyncio.run_coroutine_threadsafe(coroutine, loop)
        except RuntimeError as fault:
            coroutine.close()
            failed = concurrent.futures.Future()
            failed.set_exception(fault)
            return failed

    def stop(self) -> None:
        """Ends the loop, and with it the thread."""
        loop = self._loop
        if loop is not None:
            self.call(loop.stop)


class Callbacks:
    """Calls the caller's functions, one after another, in a daemon thread of their own.

    A function that takes long, or raises, holds up neither the reporting nor the work.
    """

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def call(self, function: Callable[[], object]) -> bool:
        """Calls a function soon. Returns false if too many calls wait or no thread can start; never raises."""
        if self._calls.qsize() >= _MAX_CALLS:
            return False
        self._calls.put(function)
        if self._thread is None:
            try:
                self._thread = threading.Thread(target=self._run, name="milepost-callbacks", daemon=True)
                self._thread.start()
            except Exception:
                self._thread = None
                return False
        return True

    def _run(self) -> None:
        while True:
            function = self._calls.get()
            try:
                function()
            except BaseException as fault:
                with contextlib.suppress(Exception):
                    _log.warning("a function that was given to milepost raised an exception", exc_info=fault)


class Flag:
    """Something that happens once, or begins and ends: an event that threads and tasks may wait for."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._listeners: list[Callable[[], object]] = []

    def is_set(self) -> bool:
        """Returns true once it has happened, or while it lasts."""
        return self._event.is_set()

    def __bool__(self) -> bool:
        return self._event.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Waits until it happens, at most ``timeout`` seconds. Returns false if it did not."""
        return self._event.wait(timeout)

    async def wait_async(self) -> None:
        """Waits until it happens, in a task."""
        if self.is_set():
            return
        loop = asyncio.get_running_loop()
        happened = loop.create_future()

        def settle() -> None:
            if not happened.done():
                happened.set_result(None)

        def wake() -> None:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(settle)

        self._listeners.append(wake)
        try:
            if not self.is_set():
                await happened
        finally:
            with contextlib.suppress(ValueError):
                self._listeners.remove(wake)

    def _set(self) -> None:
        self._event.set()
        for listener in tuple(self._listeners):
            listener()

    def _forget(self, listener: Callable[[], object]) -> None:
        with contextlib.suppress(ValueError):
            self._listeners.remove(listener)

    def _clear(self) -> None:
        self._event.clear()
