"""What is sent in place of something that the gateway, or something before it, refused."""

from __future__ import annotations

from typing import Any

from ._clean import cut
from ._reports import Data

#: Error codes of a refusal that an optional value may have caused.
CAUSED_BY_A_VALUE = frozenset({"bad_json", "bad_message", "invalid_data", "too_large", "too_deep"})
_CAUSED_BY_A_CHANNEL = frozenset({"forbidden", "invalid_channel", "invalid_event"})
#: Fields that an operation can do without, in the order in which they are left out.
_ORNAMENTS = (
    ("input",),
    ("steps",),
    ("title",),
    ("lease_ms",),
    ("tags", "budget"),
    ("parent", "weight"),
    ("collection_id", "belongs_to"),
    ("user_id", "session_id"),
)
_SHORT = 200

#: A smaller request or report, and a text that names what was left out.
Slimmer = tuple[Data, str]


def slimmer_create(create: Data, *, keeps_owner: bool) -> Slimmer | None:
    """Returns a create with less in it; None when only what is needed is left."""
    for group in _ORNAMENTS:
        if any(name in create for name in group) and not (keeps_owner and "user_id" in group):
            kept = {name: value for name, value in create.items() if name not in group}
            return kept, " and ".join(name for name in group if name in create)
    return None


def slimmest_create(create: Data) -> Slimmer | None:
    """Returns a create without its optional fields, except user and session."""
    slim = create
    left_out = []
    while (slimmer := slimmer_create(slim, keeps_owner=True)) is not None:
        slim = slimmer[0]
        left_out.append(slimmer[1])
    return (slim, " and ".join(left_out)) if left_out else None


def without_belonging(code: str, create: Data) -> Slimmer | None:
    """Returns a create without the channels that it would belong to, if they may be what was refused."""
    if code not in _CAUSED_BY_A_CHANNEL or not ("collection_id" in create or "belongs_to" in create):
        return None
    kept = {name: value for name, value in create.items() if name not in ("collection_id", "belongs_to")}
    return kept, "collection_id and belongs_to"


def slimmer_report(event: str, data: Data) -> Slimmer | None:
    """Returns data that say the same with less: without their payload, then with short texts, then without texts."""
    if event == "done":
        return _without(data, "result")
    if event in ("cancelled", "paused", "command"):
        return _shortened(data, "reason") or _without(data, "reason")
    if event == "failed":
        error: dict[str, Any] = data["error"]
        if len(error["message"]) > _SHORT:
            return {"error": {**error, "message": cut(error["message"], _SHORT)}}, "the end of the message"
        plain = {"code": "job_failed", "message": "the work failed", "retryable": error["retryable"]}
        return None if error == plain else ({"error": plain}, "code and message")
    if event == "log":
        return _without(data, "data") or _shortened(data, "message")
    if event in ("step", "progress"):
        return _shortened(data, "message") or _without(data, "message") or _without(data, "title")
    if event == "agent":
        return _without(data, "tasks") or _without(data, "name")
    if event == "steps" and any("title" in step for step in data["steps"]):
        steps = [{name: one for name, one in step.items() if name != "title"} for step in data["steps"]]
        return {**data, "steps": steps}, "titles"
    return None


def _without(data: Data, name: str) -> Slimmer | None:
    if name not in data:
        return None
    return {field: value for field, value in data.items() if field != name}, name


def _shortened(data: Data, name: str) -> Slimmer | None:
    value = data.get(name)
    if not isinstance(value, str) or len(value) <= _SHORT:
        return None
    return {**data, name: cut(value, _SHORT)}, f"the end of {name}"
