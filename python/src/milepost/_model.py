"""Reads the events of an operation from untrusted values, with the bounds of the model."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from ._clean import MAX_ID_BYTES, MAX_SAFE, utf16_length

Data = dict[str, Any]


class Refused(Exception):
    """The value is not what the model takes."""


#: Returns the value as the state keeps it. Raises :class:`Refused`.
Reader = Callable[[Any], Any]

STATUSES = ("waiting", "running", "paused", "stalled", "done", "failed", "cancelled", "lost")
MAX_COUNTERS = 32
_SEGMENT = re.compile(r"[A-Za-z0-9_.~-]+\Z")
_COMMAND = re.compile(r"[a-z][A-Za-z0-9_.-]{0,63}\Z")
_AMOUNT = re.compile(r"(0|[1-9][0-9]{0,14})(?:\.([0-9]{1,9}))?\Z")
_ADDRESS = re.compile(
    r"https://[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?(?:[/?#][!-~]*)?\Z"
)
_MAX_DEPTH = 64


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _text(limit: int, low: int = 1) -> Reader:
    def read(value: Any) -> Any:
        if isinstance(value, str) and low <= utf16_length(value) <= limit:
            return value
        raise Refused

    return read


def _number(low: float, high: float) -> Reader:
    def read(value: Any) -> Any:
        if _is_number(value) and low <= value <= high:
            return value
        raise Refused

    return read


def _integer(low: int, high: int) -> Reader:
    within = _number(low, high)

    def read(value: Any) -> Any:
        if isinstance(value, float) and not value.is_integer():
            raise Refused
        return within(value)

    return read


def _one_of(*choices: str) -> Reader:
    def read(value: Any) -> Any:
        if isinstance(value, str) and value in choices:
            return value
        raise Refused

    return read


def _boolean(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    raise Refused


def _true(value: Any) -> Any:
    if value is True:
        return value
    raise Refused


def _list(item: Reader, low: int, high: int) -> Reader:
    def read(value: Any) -> Any:
        if not isinstance(value, list) or not low <= len(value) <= high:
            raise Refused
        return [item(one) for one in value]

    return read


def _object(required: Mapping[str, Reader], optional: Mapping[str, Reader]) -> Reader:
    """Reads an object. Unknown fields are left out. A field that is null is present."""

    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            raise Refused
        kept: Data = {}
        for name, reader in required.items():
            if name not in value:
                raise Refused
            kept[name] = reader(value[name])
        for name, reader in optional.items():
            if name in value:
                kept[name] = reader(value[name])
        return kept

    return read


def _at_most(limit: int) -> Reader:
    def read(value: Any) -> Any:
        if _remaining(value, limit, _MAX_DEPTH) < 0:
            raise Refused
        return value

    return read


def _remaining(value: Any, budget: int, depth: int) -> int:
    if isinstance(value, str):
        return budget - utf16_length(value) - 2
    if not isinstance(value, (dict, list)):
        return budget - 4
    if depth == 0:
        return -1
    left = budget - 2
    if isinstance(value, list):
        for item in value:
            left = _remaining(item, left - 1, depth - 1)
            if left < 0:
                return left
        return left
    for key, item in value.items():
        left = _remaining(item, left - utf16_length(key) - 4, depth - 1)
        if left < 0:
            return left
    return left


def _segment(limit: int) -> Reader:
    def read(value: Any) -> Any:
        if isinstance(value, str) and len(value) <= limit and _SEGMENT.match(value):
            return value
        raise Refused

    return read


def _owner(value: Any) -> Any:
    if isinstance(value, str) and value != "":
        try:
            if len(value.encode()) <= MAX_ID_BYTES:
                return value
        except UnicodeEncodeError:
            pass
    raise Refused


def _identifier(limit: int) -> Reader:
    text = _text(limit)

    def read(value: Any) -> Any:
        known = text(value)
        try:
            known.encode()
        except UnicodeEncodeError:
            raise Refused from None
        return known

    return read


def _distinct(reader: Reader, field: str) -> Reader:
    def read(value: Any) -> Any:
        items = reader(value)
        if len({item[field] for item in items}) != len(items):
            raise Refused
        return items

    return read


def amount(value: Any) -> str:
    """Reads an amount: a whole number, or a decimal number as text. Returns its shortest text."""
    if _is_number(value):
        is_whole = isinstance(value, int) or value.is_integer()
        if not is_whole or not 0 <= value <= MAX_SAFE:
            raise Refused
        value = str(int(value))
    parts = _AMOUNT.match(value) if isinstance(value, str) else None
    if parts is None:
        raise Refused
    end = (parts.group(2) or "").rstrip("0")
    return parts.group(1) if end == "" else f"{parts.group(1)}.{end}"


_FRACTION = 9
_MAX_UNITS = 10 ** (15 + _FRACTION) - 1


def units_of(text: str) -> int:
    """Returns an amount in its smallest units."""
    whole, _, fraction = text.partition(".")
    scale: int = 10**_FRACTION
    return int(whole) * scale + int(fraction.ljust(_FRACTION, "0") or "0")


def amount_of(units: int) -> str:
    """Returns the amount of so many units, within the bounds of amounts."""
    bounded = min(max(units, 0), _MAX_UNITS)
    whole, fraction = divmod(bounded, 10**_FRACTION)
    end = str(fraction).rjust(_FRACTION, "0").rstrip("0")
    return str(whole) if end == "" else f"{whole}.{end}"


def add_amounts(one: str, other: str) -> str:
    """Returns the exact sum of two amounts."""
    return amount_of(units_of(one) + units_of(other))


def _address(value: Any) -> Any:
    if isinstance(value, str) and len(value) <= 2_000 and _ADDRESS.match(value):
        return value
    raise Refused


def _command_name(value: Any) -> Any:
    if isinstance(value, str) and _COMMAND.match(value):
        return value
    raise Refused


def _counters(value: Any) -> Any:
    if not isinstance(value, dict) or len(value) > MAX_COUNTERS:
        raise Refused
    return {_name(name): amount(one) for name, one in value.items()}


def _tags(value: Any) -> Any:
    return list(dict.fromkeys(_list(_name, 0, 10)(value)))


def _weight_of_child(value: Any) -> Any:
    return math.floor(_number(0, 1_000)(value) * 1_000 + 0.5) / 1_000


def _audience(value: Any) -> Any:
    known = _object({}, {"users": _list(_owner, 0, 50), "roles": _list(_text(200), 0, 20)})(value)
    if not known.get("users") and not known.get("roles"):
        raise Refused
    return known


def _option(value: Any) -> Any:
    if isinstance(value, str):
        value = {"id": value}
    return _object({"id": _text(200)}, {"title": _text(200, 0), "description": _text(1_000, 0)})(value)


#: Commands that every operation has.
EVERY_COMMAND = frozenset({"cancel", "pause", "resume", "retry"})


def _definition(value: Any) -> Any:
    known = _object(
        {"name": _command_name},
        {
            "title": _text(200, 0),
            "schema": _at_most(16 * 1024),
            "while": _list(_one_of(*STATUSES), 1, len(STATUSES)),
        },
    )(value)
    if known["name"] in EVERY_COMMAND:
        raise Refused
    return known


_definitions = _distinct(_list(_definition, 0, 50), "name")
_bounded = _at_most(64 * 1024)
_accepts_fields: Mapping[str, Reader] = {
    "commands": lambda value: _bounded(_definitions(value)),
    "inputs": _one_of("queue", "reject", "interrupt"),
    "busy": _boolean,
}


def _accepts(value: Any) -> Any:
    known = _object({}, _accepts_fields)(value)
    if not known:
        raise Refused
    return known


def _artefact(value: Any) -> Any:
    known = _object(
        {"name": _text(200)},
        {"type": _text(100), "size": _count, "url": _address, "data": _at_most(16 * 1024)},
    )(value)
    if ("url" in known) == ("data" in known):
        raise Refused
    return known


def _estimate_mark(value: Any) -> Any:
    """Reads ``[mark, time taken]``, with the p50 and p90 that were told, if both are there."""
    numbers = _list(_number(0, MAX_SAFE), 2, 4)(value)
    return numbers if len(numbers) == 4 else numbers[:2]


_id = _text(64)
_name = _segment(64)
_title = _text(200, 0)
_message = _text(4_000, 0)
_percent = _number(0, 100)
_positive = _number(0, MAX_SAFE)
_count = _integer(0, MAX_SAFE)
_payload = _at_most(256 * 1024)
_plans = _distinct(
    _list(_object({"id": _id}, {"title": _title, "weight": _number(0, 1_000_000)}), 0, 200), "id"
)
_progress: Mapping[str, Reader] = {
    "message": _message,
    "percent": _percent,
    "done": _positive,
    "total": _positive,
    "unit": _text(32, 0),
}
_reason: Reader = _object({}, {"reason": _message})
_silence = _object({"silent_ms": _positive}, {})
_nothing = _object({}, {})

EVENTS: Mapping[str, Reader] = {
    "created": _object(
        {"operation_id": _name, "kind": _id},
        {
            "title": _title,
            "session_id": _owner,
            "user_id": _owner,
            "producer_id": _identifier(200),
            "collection_id": _owner,
            "belongs_to": _text(255),
            "steps": _plans,
            "input": _payload,
            "size": _positive,
            "accepts": _accepts,
            "parent": _name,
            "weight": _weight_of_child,
            "tags": _tags,
            "budget": _object({"counter": _name, "limit": amount}, {}),
        },
    ),
    "waiting": _object(
        {"position": _count, "total": _count},
        {
            "estimated_wait_ms": _positive,
            "estimated_wait": _object({"p50_ms": _positive, "p90_ms": _positive}, {}),
            "queue": _text(255),
            "ticket": _text(255),
        },
    ),
    "started": _object({}, {"attempt": _integer(1, 1_000_000)}),
    "steps": _object({"steps": _plans}, {}),
    "step": _object(
        {"id": _id}, {"status": _one_of("running", "done", "failed", "skipped"), "title": _title, **_progress}
    ),
    "progress": _object({}, {**_progress, "reset": _boolean}),
    "agent": _object(
        {"id": _id},
        {"name": _title, "active": _boolean, "progress": _percent, "tasks": _list(_text(500), 0, 200)},
    ),
    "log": _object(
        {"message": _message},
        {
            "level": _one_of("info", "success", "warning", "error"),
            "agent": _id,
            "step": _id,
            "data": _at_most(8 * 1024),
        },
    ),
    "text": _object({"stream": _id}, {"append": _text(256 * 1024, 0), "done": _boolean, "reset": _boolean}),
    "paused": _reason,
    "resumed": _nothing,
    "command": _object(
        {
            "command_id": _id,
            "command": _command_name,
            "phase": _one_of("requested", "acknowledged", "done", "refused", "timed_out"),
        },
        {"by": _text(MAX_ID_BYTES), "reason": _message, "args": _payload},
    ),
    "accepts": _object({}, _accepts_fields),
    "input": _object(
        {"input_id": _id, "phase": _one_of("queued", "taken", "done", "interrupted", "rejected", "dropped")},
        {"data": _at_most(16 * 1024), "by": _text(MAX_ID_BYTES)},
    ),
    "question": _object(
        {"question_id": _id, "phase": _one_of("asked", "escalated", "answered", "expired", "withdrawn")},
        {
            "kind": _one_of("approve", "choose", "input"),
            "prompt": _text(4_000),
            "options": _distinct(_list(_option, 1, 50), "id"),
            "schema": _at_most(16 * 1024),
            "for": _audience,
            "default": _at_most(16 * 1024),
            "deadline_at": _positive,
            "level": _integer(1, 5),
            "answer": _at_most(16 * 1024),
            "comment": _text(1_000, 0),
            "by": _text(MAX_ID_BYTES),
            "by_default": _true,
            "reason": _message,
        },
    ),
    "count": _object({"name": _name, "add": amount}, {}),
    "link": _object({"id": _text(64), "url": _address}, {"title": _text(200)}),
    "artefact": _artefact,
    "beat": _object({}, {"reason": _text(500), "until": _count}),
    "children": _object(
        {"total": _count, "statuses": _object({}, dict.fromkeys(STATUSES, _count)), "revision": _count},
        {"percent": _percent, "counters": _counters},
    ),
    "budget": _object(
        {"phase": _one_of("passed", "extended", "stopped"), "limit": amount},
        {"spent": amount, "question_id": _text(64)},
    ),
    "done": _object({}, {"result": _payload}),
    "failed": _object({"error": _object({"code": _id, "message": _message, "retryable": _boolean}, {})}, {}),
    "cancelled": _reason,
    "stalled": _silence,
    "revived": _nothing,
    "lost": _silence,
    "estimate": _object(
        {"at": _positive, "basis": _positive},
        {
            "remaining": _object({"p50_ms": _positive, "p90_ms": _positive}, {}),
            "none": _one_of("new_kind"),
            "slower_than_usual": _true,
            "usual_steps": _list(_object({"id": _id, "p90_ms": _positive}, {}), 0, 200),
            "marks": _list(_estimate_mark, 0, 16),
        },
    ),
}


def parse(event: Any, data: Any) -> Data | None:
    """Returns the data of an event of an operation, as the state keeps them; None if they are no such event."""
    reader = EVENTS.get(event) if isinstance(event, str) else None
    if reader is None:
        return None
    try:
        known: Data = reader(data)
    except Refused:
        return None
    return known
