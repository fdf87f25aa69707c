"""Makes values fit the bounds of the model, so that no field hides the rest of what is reported."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import math
import numbers
import os
import re
import uuid
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

#: Tells what is wrong with the field that is being repaired; the text continues the field's name.
Complain = Callable[[str], None]
#: Returns a value that the gateway takes in place of the given one; None to leave the field out.
Repair = Callable[[Any, Complain], Any]
Repairs = Mapping[str, Repair]

MAX_SAFE = 2**53 - 1
MAX_ID = 64
#: Longest id of a person, session or collection, in bytes.
MAX_ID_BYTES = 1_024
MAX_TITLE = 200
MAX_MESSAGE = 4_000
MAX_TASK = 500
MAX_UNIT = 32
MAX_APPEND = 256 * 1024
MAX_LOG_DATA = 8 * 1024
MAX_PAYLOAD = 256 * 1024
MAX_WEIGHT = 1_000_000
MAX_STEPS = 200
MAX_TASKS = 200
#: Maximum depth of a payload. A request and the state of an operation put up to four levels around it.
MAX_DEPTH = 60

_SEGMENT = re.compile(r"[A-Za-z0-9_.~-]{1,64}\Z")


def utf16_length(text: str) -> int:
    """Returns the length that the gateway counts: characters outside the basic plane count twice."""
    if text.isascii():
        return len(text)
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def well_formed(text: str) -> str:
    """Returns the text with the halves of surrogate pairs joined, or replaced where the other half is missing."""
    if text.isascii():
        return text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def cut(text: str, limit: int) -> str:
    """Returns at most ``limit`` characters as the gateway counts them, never half a character."""
    if len(text) * 2 <= limit:
        return text
    head = text[:limit]
    if utf16_length(head) <= limit:
        return head
    return head.encode("utf-16-le")[: limit * 2].decode("utf-16-le", "ignore")


def text_of(value: object) -> str:
    """Returns any value as well-formed text. Bounded in length for values that are text. Raises what ``str`` does."""
    return well_formed(value if type(value) is str else str(value))


def text(limit: int) -> Repair:
    """Repairs a text: other values become text, and a text that is too long is cut."""
    half = limit // 2

    def repair(value: Any, complain: Complain) -> Any:
        if value is None:
            return None
        whole = value if type(value) is str else str(value)
        if len(whole) > 2 * limit:
            whole = whole[: 2 * limit]
            complain(f"is longer than {limit} characters and was cut")
            return cut(well_formed(whole), limit - 1) + "…"
        whole = well_formed(whole)
        if len(whole) <= half or utf16_length(whole) <= limit:
            return whole
        complain(f"is longer than {limit} characters and was cut")
        return cut(whole, limit - 1) + "…"

    return repair


def identifier(limit: int = MAX_ID) -> Repair:
    """Repairs an id: a text that is not empty. One that is too long is cut, always in the same way."""

    def repair(value: Any, complain: Complain) -> Any:
        if isinstance(value, bool) or not isinstance(value, (str, int, float)) or value == "":
            complain("is not a text and was left out")
            return None
        whole = well_formed(str(value)[: 4 * limit])
        if utf16_length(whole) > limit:
            complain(f"is longer than {limit} characters and was cut")
        return cut(whole, limit)

    return repair


def _number(value: Any) -> float | int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, (numbers.Real, decimal.Decimal)):
        return float(value)
    return None


def number(low: float, high: float) -> Repair:
    """Keeps a number within bounds; leaves any other value out."""

    def repair(value: Any, complain: Complain) -> Any:
        known = _number(value)
        if known is not None and low <= known <= high:
            return known
        complain(f"is not a number from {low} to {high} and was left out")
        return None

    return repair


def whole(low: int, high: int) -> Repair:
    """Keeps a whole number within bounds, rounding down; leaves any other value out."""
    within = number(low, high)

    def repair(value: Any, complain: Complain) -> Any:
        known = _number(value)
        if isinstance(known, float) and math.isfinite(known):
            known = math.floor(known)
        return within(known, complain)

    return repair


def percentage(value: Any, complain: Complain) -> Any:
    """Clamps a percentage to 0–100; leaves out what is not a finite number."""
    known = _number(value)
    if known is not None and (isinstance(known, int) or math.isfinite(known)):
        return min(100, max(0, known))
    complain("is not a finite number and was left out")
    return None


def one_of(*values: object) -> Repair:
    """Keeps one of these values; leaves any other out."""

    def repair(value: Any, complain: Complain) -> Any:
        if any(value is known or (type(value) is type(known) and value == known) for known in values):
            return value
        names = ", ".join(str(known) for known in values)
        complain(f"is none of {names} and was left out")
        return None

    return repair


def list_of(item: Repair, limit: int) -> Repair:
    """Repairs each item of a list; leaves out those that cannot be repaired, and those beyond ``limit``."""

    def repair(value: Any, complain: Complain) -> Any:
        if isinstance(value, (str, bytes)) or not isinstance(value, (list, tuple)):
            complain("is not a list and was left out")
            return None
        if len(value) > limit:
            complain(f"has more than {limit} items and was cut")
        kept = []
        for at, one in enumerate(value[:limit]):
            try:
                repaired = item(one, lambda what, at=at: complain(f"[{at}] {what}"))  # type: ignore[misc]
            except Exception:
                complain(f"[{at}] cannot be read and was left out")
                repaired = None
            if repaired is not None:
                kept.append(repaired)
        return kept

    return repair


def object_of(repairs: Repairs, required: tuple[str, ...]) -> Repair:
    """Repairs the fields of an object; leaves it out unless it has the required ones."""

    def repair(value: Any, complain: Complain) -> Any:
        if not isinstance(value, Mapping):
            complain("is not an object and was left out")
            return None
        kept = fields(value, repairs, lambda _, what: complain(f".{what}"))
        for name in required:
            if name not in kept:
                complain(f"has no {name} and was left out")
                return None
        return kept

    return repair


def segment(value: Any, complain: Complain) -> Any:
    """Keeps a name that may be a segment of a channel name; leaves any other out."""
    if isinstance(value, str) and _SEGMENT.match(value):
        return value
    complain("must be 1 to 64 letters, digits, '_', '.', '~' or '-'; it was left out")
    return None


def owner(value: Any, complain: Complain) -> Any:
    """Keeps the id of a person, session or collection: 1 to 1,024 bytes of UTF-8."""
    known = str(value) if isinstance(value, (int, uuid.UUID)) and not isinstance(value, bool) else value
    if isinstance(known, str) and known != "" and len(known) <= MAX_ID_BYTES:
        try:
            if len(known.encode("utf-8")) <= MAX_ID_BYTES:
                return known
        except UnicodeEncodeError:
            pass
    complain("must be a text of 1 to 1,024 bytes of UTF-8, without halves of surrogate pairs; it was left out")
    return None


class TooLarge(Exception):
    """The value is longer than its bound, or nested too deep."""


class Payload:
    """Copies a value into plain JSON values, within a bound of characters. It takes time of the bound, not of the value."""

    __slots__ = ("_left", "_limit", "lost")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._left = limit
        #: What JSON cannot carry, the first of it.
        self.lost: str | None = None

    def copy(self, value: Any, depth: int = 0, path: str = "") -> Any:
        kind = type(value)
        if kind is str:
            self._spend(len(value) + 2)
            return well_formed(value)
        if value is None or kind is bool:
            self._spend(4)
            return value
        if kind is int:
            return self._integer(value, path)
        if kind is float:
            return self._float(value, path)
        if depth >= MAX_DEPTH and isinstance(value, (Mapping, list, tuple, AbstractSet)):
            raise TooLarge(f"is nested deeper than {MAX_DEPTH} levels and was left out")
        if isinstance(value, Mapping):
            self._spend(2)
            kept: dict[str, Any] = {}
            for key, one in value.items():
                name = well_formed(key) if isinstance(key, str) else self._key(key)
                self._spend(len(name) + 4)
                kept[name] = self.copy(one, depth + 1, name if path == "" else f"{path}.{name}")
            return kept
        if isinstance(value, (list, tuple)) or isinstance(value, AbstractSet):
            self._spend(2)
            items = []
            for at, one in enumerate(value):
                self._spend(1)
                items.append(self.copy(one, depth + 1, f"{path}[{at}]"))
            return items
        return self._other(value, depth, path)

    def _other(self, value: Any, depth: int, path: str) -> Any:
        if isinstance(value, enum.Enum):
            return self.copy(value.value, depth + 1, path)
        if isinstance(value, str):
            return self.copy(str.__str__(value), depth, path)
        if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
            return self.copy(value.isoformat(), depth, path)
        if isinstance(value, datetime.timedelta):
            return self.copy(value.total_seconds(), depth, path)
        if isinstance(value, (uuid.UUID, os.PathLike)):
            return self.copy(str(value), depth, path)
        if isinstance(value, numbers.Integral):
            return self._integer(int(value), path)
        if isinstance(value, (numbers.Real, decimal.Decimal)):
            return self._float(float(value), path)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            known = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
            return self.copy(known, depth, path)
        return self._lose(path, f"is a value of the type {type(value).__name__}")

    def _integer(self, value: int, path: str) -> Any:
        if -MAX_SAFE <= value <= MAX_SAFE:
            self._spend(16)
            return value
        if value.bit_length() > 1_024:
            return self._lose(path, "is an integer of more than 1,024 bits")
        # A number that large would be rounded by every reader, so it arrives as text.
        return self.copy(str(value))

    def _float(self, value: float, path: str) -> Any:
        self._spend(16)
        return value if math.isfinite(value) else self._lose(path, f"is {value}")

    def _key(self, key: object) -> str:
        if isinstance(key, enum.Enum):
            key = key.value
        if key is None or isinstance(key, bool):
            return {None: "null", True: "true", False: "false"}[key]
        return well_formed(str(key)[: self._limit])

    def _lose(self, path: str, what: str) -> None:
        self._spend(4)
        if self.lost is None:
            self.lost = f"{path} {what}; it arrives as null".lstrip()

    def _spend(self, characters: int) -> None:
        self._left -= characters
        if self._left < 0:
            raise TooLarge(f"is longer than {self._limit} characters of JSON and was left out")


def payload(limit: int) -> Repair:
    """Returns the JSON form of a value, or leaves out a value that is too long or nested too deep.

    Dates, UUIDs, paths, enumerations, sets, decimals and dataclasses have a form. What has none becomes null.
    """

    def repair(value: Any, complain: Complain) -> Any:
        copier = Payload(limit)
        try:
            plain = copier.copy(value)
        except TooLarge as fault:
            complain(str(fault))
            return None
        except Exception:
            complain("cannot be written as JSON and was left out")
            return None
        if copier.lost is not None:
            complain(copier.lost)
        return plain

    return repair


def fields(source: Mapping[str, Any], repairs: Repairs, tell: Callable[[str, str], None]) -> dict[str, Any]:
    """Returns the fields of ``source`` that have a repair, repaired. Never raises.

    ``tell`` is called with the name of a field and what became of it. The result shares no object with ``source``.
    """
    kept: dict[str, Any] = {}
    for name, repair in repairs.items():
        try:
            value = source.get(name)
            if value is None:
                continue
            repaired = repair(value, lambda what, name=name: tell(name, f"{name} {what}"))  # type: ignore[misc]
        except Exception:
            tell(name, f"{name} cannot be read and was left out")
            continue
        if repaired is not None:
            kept[name] = repaired
    return kept
