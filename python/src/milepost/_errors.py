"""Errors of the gateway and of the work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Error codes with which a request may succeed later. All other known codes are final.
RETRYABLE_CODES = frozenset(
    {
        "token_expired",
        "token_not_yet_valid",
        "token_revoked",
        "too_many_connections",
        "rate_limited",
        "timed_out",
        "shutting_down",
        "unavailable",
        "store_unavailable",
        "store_full",
        "internal",
    }
)


class MilepostError(Exception):
    """A failure with a stable code, as ``docs/errors.md`` lists them.

    ``retryable`` is true if the same request may succeed later. ``retry_after`` is the wait in seconds that the
    gateway asks for, if it asks for one. With ``stale_lease``, ``held_by`` says who holds the lease now, if anybody
    does: ``{"worker": …, "since": …}``, the time in milliseconds since 1970.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        retryable: bool | None = None,
        retry_after: float | None = None,
        held_by: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retryable = code in RETRYABLE_CODES if retryable is None else retryable
        self.retry_after = retry_after
        self.held_by = held_by

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuilt, (type(self), self.code, self.message, self.retryable, self.retry_after, self.held_by))


def _rebuilt(
    kind: type[MilepostError],
    code: str,
    message: str,
    retryable: bool,
    retry_after: float | None,
    held_by: Mapping[str, Any] | None = None,
) -> MilepostError:
    error = kind(code, message, retryable=retryable, retry_after=retry_after)
    error.held_by = held_by
    return error


class ForeignAnswer(MilepostError):
    """An answer of something between this process and the gateway, such as a load balancer.

    It says nothing about the operation, so reporting never stops because of it.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        retryable: bool | None = None,
        retry_after: float | None = None,
        status: int = 0,
    ) -> None:
        super().__init__(code, message, retryable=retryable, retry_after=retry_after)
        self.status = status

    @property
    def is_about_request(self) -> bool:
        """True if another body may pass: a status between 400 and 499 that is about the request."""
        return 400 <= self.status < 500 and self.status not in (408, 425, 429)


class Cancelled(MilepostError):
    """Raised in the work at a pause point once the work has to end.

    Its code is ``cancelled`` (a command), ``stale_lease`` (another producer took the operation over) or
    ``shutting_down`` (the producer was closed).
    """


class QuestionClosed(MilepostError):
    """Raised by ``ask`` when a question ended without an answer: its deadline passed or its operation ended."""
