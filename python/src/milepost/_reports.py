"""Reports: which fields they have, which of them merge, and what the outbox drops first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from . import _clean as clean
from . import _model as model

Data = dict[str, Any]
#: A report: the name of its event, its data, and its slot (None for a report that is never merged).
Report = tuple[str, Data, str | None]

#: Maximum length of the piece that several smaller pieces of text are joined into, in characters.
MAX_TEXT_PIECE = 64 * 1024

_SPANS = ("step", "agent")
LIFECYCLE = frozenset(
    {"started", "steps", "paused", "resumed", "command", "accepts", "input", "done", "failed", "cancelled"}
)
ENDS = frozenset({"done", "failed", "cancelled"})

_message = clean.text(clean.MAX_MESSAGE)
_id = clean.identifier()
_count = clean.number(0, clean.MAX_SAFE)
_yes_or_no = clean.one_of(True, False)
_progress: dict[str, clean.Repair] = {
    "message": _message,
    "percent": clean.percentage,
    "done": _count,
    "total": _count,
    "unit": clean.text(clean.MAX_UNIT),
}
_task_text = clean.text(clean.MAX_TASK)


def _task(value: Any, complain: clean.Complain) -> Any:
    return None if value == "" else _task_text(value, complain)


_plans = clean.list_of(
    clean.object_of(
        {
            "id": _id,
            "title": clean.text(clean.MAX_TITLE),
            "weight": clean.number(0, clean.MAX_WEIGHT),
        },
        ("id",),
    ),
    clean.MAX_STEPS,
)


def step_plans(value: Any, complain: clean.Complain) -> Any:
    """Repairs a plan of steps: ids alone are steps too, and a step without an id of its own is left out."""
    if isinstance(value, (list, tuple)):
        value = [{"id": one} if isinstance(one, str) else one for one in value[: clean.MAX_STEPS + 1]]
    steps = _plans(value, complain)
    if steps is None:
        return None
    seen: set[str] = set()
    kept = []
    for step in steps:
        if step["id"] in seen:
            complain(f'has the id "{step["id"]}" twice, and the second step was left out')
            continue
        seen.add(step["id"])
        kept.append(step)
    return kept


REPAIRS: Mapping[str, clean.Repairs] = {
    "waiting": {
        "position": clean.whole(0, clean.MAX_SAFE),
        "total": clean.whole(0, clean.MAX_SAFE),
        "estimated_wait_ms": _count,
    },
    "started": {"attempt": clean.whole(1, 1_000_000)},
    "steps": {"steps": step_plans},
    "step": {
        "id": _id,
        "status": clean.one_of("running", "done", "failed", "skipped"),
        "title": clean.text(clean.MAX_TITLE),
        **_progress,
    },
    "progress": {**_progress, "reset": _yes_or_no},
    "agent": {
        "id": _id,
        "name": clean.text(clean.MAX_TITLE),
        "active": _yes_or_no,
        "progress": clean.percentage,
        "tasks": clean.list_of(_task, clean.MAX_TASKS),
    },
    "log": {
        "level": clean.one_of("info", "success", "warning", "error"),
        "message": _message,
        "agent": _id,
        "step": _id,
        "data": clean.payload(clean.MAX_LOG_DATA),
    },
    "text": {
        "stream": _id,
        "append": clean.text(clean.MAX_APPEND),
        "done": _yes_or_no,
        "reset": _yes_or_no,
    },
    "paused": {"reason": _message},
    "resumed": {},
    "command": {
        "command_id": _id,
        "command": _id,
        "phase": clean.one_of("acknowledged", "done", "refused"),
        "reason": _message,
    },
    "accepts": {
        "commands": clean.payload(clean.MAX_PAYLOAD),
        "inputs": clean.one_of("queue", "reject", "interrupt"),
        "busy": _yes_or_no,
    },
    "input": {"input_id": _id, "phase": clean.one_of("taken", "done", "interrupted")},
    "done": {"result": clean.payload(clean.MAX_PAYLOAD)},
    "failed": {
        "error": clean.object_of(
            {"code": _id, "message": _message, "retryable": _yes_or_no},
            ("code", "message", "retryable"),
        )
    },
    "cancelled": {"reason": _message},
}

_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "waiting": ("position", "total"),
    "steps": ("steps",),
    "step": ("id",),
    "agent": ("id",),
    "text": ("stream",),
    "command": ("command_id", "command", "phase"),
    "input": ("input_id", "phase"),
    "failed": ("error",),
}


def sanitise(event: str, data: Mapping[str, Any], tell: Callable[[str, str], None]) -> Data | None:
    """Returns data that the gateway takes; None, with a complaint, if the event lacks a field that it needs."""
    if event in _TREE:
        return _of_tree(event, data, tell)
    kept = clean.fields(data, REPAIRS[event], tell)
    if event == "log":
        kept.setdefault("message", "")
    for name in _REQUIRED.get(event, ()):
        if name not in kept:
            tell("", f"the event {event} has no {name} and was left out")
            return None
    return kept


#: Events that are taken whole or not at all.
_TREE = frozenset({"count", "link", "artefact", "beat"})
_artefact_data = clean.payload(16 * 1024)


def _of_tree(event: str, data: Mapping[str, Any], tell: Callable[[str, str], None]) -> Data | None:
    given = {
        name: format(value, "f") if isinstance(value, Decimal) else value
        for name, value in data.items()
        if value is not None
    }
    if "data" in given:
        given["data"] = _artefact_data(given["data"], lambda what: tell("data", f"data {what}"))
    for name in ("title", "reason"):
        if name in given:
            given[name] = clean.text(clean.MAX_TITLE if name == "title" else clean.MAX_TASK)(
                given[name], lambda what, name=name: tell(name, f"{name} {what}")  # type: ignore[misc]
            )
    known = model.parse(event, given)
    if known is None:
        tell("", f"the event {event} has a field that the gateway would refuse, and was left out")
    return known


def slot_of(event: str, data: Data) -> str | None:
    """Returns the name of what the report is about. Only reports of the same slot may be merged."""
    if event in ("waiting", "progress"):
        return event
    if event in _SPANS:
        return f"{event}:{data['id']}"
    if event == "text":
        return f"text:{data['stream']}"
    return f"count:{data['name']}" if event == "count" else None


def is_span(event: str) -> bool:
    """Returns true for events about something that begins and ends: a step or an agent."""
    return event in _SPANS


def closes(event: str, data: Data) -> bool:
    """Returns true if the report ends its step or the activity of its agent."""
    if event == "step":
        return bool(data.get("status", "running") != "running")
    return event == "agent" and data.get("active") is False


def weight_of(event: str, data: Data) -> str:
    """Returns the importance of a report, which decides what the outbox drops first when it is full."""
    if event == "log":
        return "warning" if data.get("level") in ("warning", "error") else "info"
    if event in ("text", "count"):
        return event
    return "lifecycle" if event in LIFECYCLE else "state"


def size_of(value: Any) -> int:
    """Returns the approximate size of a plain value as JSON, in bytes."""
    if isinstance(value, str):
        return (len(value) if value.isascii() else 3 * len(value)) + 2
    if isinstance(value, dict):
        return 2 + sum(len(name) + 4 + size_of(one) for name, one in value.items())
    if isinstance(value, list):
        return 2 + sum(size_of(one) + 1 for one in value)
    return 8
