"""A handler of :mod:`logging` that writes lines into the operation's log, for people."""

from __future__ import annotations

import logging
import threading

from .operation import Handle, Level, current

_own = threading.local()


class LogHandler(logging.Handler):
    """Writes records into the log of an operation: the given one, or the one around the call that logs.

    Records of ``milepost`` itself and records outside an operation are left out. It never raises and never waits.
    """

    def __init__(self, operation: Handle | None = None, level: int = logging.INFO) -> None:
        super().__init__(level)
        self._operation = operation

    def emit(self, record: logging.LogRecord) -> None:
        """Writes a record. With ``exc_info``, the line has the exception as data."""
        operation = self._operation or current()
        if operation is None or record.name.partition(".")[0] == "milepost" or getattr(_own, "is_busy", False):
            return
        # A record that is made while this one is formatted would lead here again.
        _own.is_busy = True
        try:
            message = record.getMessage() if self.formatter is None else self.format(record)
            level: Level = "info"
            if record.levelno >= logging.ERROR:
                level = "error"
            elif record.levelno >= logging.WARNING:
                level = "warning"
            data = None
            if record.exc_info and record.exc_info[1] is not None:
                fault = record.exc_info[1]
                data = {"exception": type(fault).__name__, "message": str(fault)[:2_000]}
            operation.log(message, level=level, data=data)
        except Exception:
            self.handleError(record)
        finally:
            _own.is_busy = False
