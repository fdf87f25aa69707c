"""The state of an operation as the fold of its log, the same as gateway and pages fold it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ._clean import MAX_SAFE, utf16_length
from ._model import EVERY_COMMAND, MAX_COUNTERS, STATUSES, add_amounts, amount_of, parse, units_of

State = dict[str, Any]
Items = list[dict[str, Any]]

_FINAL = ("done", "failed", "cancelled", "lost")
_MAX_STEPS, _MAX_AGENTS, _MAX_TASKS = 200, 100, 20
_MAX_ORDER, _MAX_TIMELINE, _MAX_LOG = 500, 500, 200
_MAX_COMMANDS, _MAX_TEXTS, _MAX_TEXT = 20, 32, 256 * 1024
_MAX_QUESTIONS = _MAX_INPUTS = 40
_MAX_PENDING_INPUTS = 20
_MAX_LINKS = _MAX_ARTEFACTS = 32

_STAYS = (
    "steps log command accepts input question count link artefact beat children budget estimate".split()
)
_WORKS = ("step", "progress", "agent", "text")


def _row(**moves: str) -> Mapping[str, str]:
    return {**dict.fromkeys(_STAYS, "stay"), **dict.fromkeys(_WORKS, "stay"), **moves}


_ends = {"done": "done", "failed": "failed", "cancelled": "cancelled", "lost": "lost"}
_over = {"started": "begin", "log": "stay", "command": "stay", "count": "stay", "children": "stay"}
#: The effect of every event in every status: a status, ``stay``, ``return`` or ``begin``. An event without one is ignored.
TRANSITIONS: Mapping[str, Mapping[str, str]] = {
    "waiting": _row(
        waiting="stay", started="begin", paused="paused", stalled="stalled", **dict.fromkeys(_WORKS, "running"), **_ends
    ),
    "running": _row(waiting="waiting", started="begin", paused="paused", stalled="stalled", **_ends),
    "paused": _row(
        waiting="waiting", started="begin", paused="stay", resumed="running", stalled="stalled", **_ends
    ),
    "stalled": _row(
        waiting="waiting", started="begin", paused="paused", resumed="running", revived="return", **_ends
    ),
    "done": _over,
    "failed": _over,
    "cancelled": _over,
    "lost": _over,
}

_ENDS_BUSY = frozenset({"waiting", "started", "step", "progress", "agent", "text", "paused", "resumed"})
_MOMENTARY: tuple[str, ...] = (
    "before_stall", "silent_since", "waiting", "reason", "busy", "current_step", "current_agent",
    "estimate",
)  # fmt: skip
_LAST_STEP = {"done": "done", "failed": "failed", "cancelled": "skipped", "lost": "failed"}


def fold(entries: Iterable[Mapping[str, Any]], state: State | None = None) -> State | None:
    """Folds the entries of an operation's channel, each ``{event, data, ts, offset}``, onto a state."""
    for entry in entries:
        state = reduce_operation(state, entry)
    return state


def reduce_operation(state: State | None, entry: Mapping[str, Any]) -> State | None:
    """Returns the state after one more entry. Never raises, and never changes the given state.

    The state begins with the event ``created``; before that it is None. An entry whose offset is not higher than that of
    the state changes nothing. One that is malformed, or not allowed in the status, only advances the offset.
    """
    ts, offset = entry.get("ts"), entry.get("offset")
    if isinstance(offset, float) and offset.is_integer():
        offset = int(offset)
    if not isinstance(offset, int) or isinstance(offset, bool) or abs(offset) > MAX_SAFE:
        return state
    if not isinstance(ts, (int, float)) or isinstance(ts, bool) or not math.isfinite(ts):
        return state
    if state is not None and offset <= state["offset"]:
        return state
    event = entry.get("event")
    data = parse(event, entry.get("data", {}))
    if state is None:
        return _created(data, ts, offset) if event == "created" and data is not None else None
    move = None if data is None else _move(state, str(event), data)
    if move is None or data is None:
        return {**state, "offset": offset}
    moved = {**_moved(state, move, ts), "offset": offset, "updated_at": ts}
    if event in _ENDS_BUSY:
        moved.pop("busy", None)
    _apply(moved, str(event), data, ts, offset)
    return moved


def _created(data: Mapping[str, Any], ts: float, offset: int) -> State:
    kept = {name: value for name, value in data.items() if name not in ("operation_id", "title", "steps")}
    return {
        **kept,
        "id": data["operation_id"],
        "title": data.get("title", data["kind"]),
        "status": "waiting",
        "attempt": 1,
        "percent": 0,
        "steps": [_planned(step) for step in data.get("steps", [])],
        "agents": [],
        "execution_order": [],
        "timeline": [],
        "log": [],
        "log_total": 0,
        "log_counts": {"info": 0, "success": 0, "warning": 0, "error": 0},
        "texts": {},
        "commands": [],
        "created_at": ts,
        "updated_at": ts,
        "offset": offset,
    }


def _move(state: State, event: str, data: Mapping[str, Any]) -> str | None:
    move = TRANSITIONS[state["status"]].get(event)
    if move == "return":
        return str(state.get("before_stall", "running"))
    if move != "begin":
        return move
    if data.get("attempt", state["attempt"]) > state["attempt"]:
        return "stay"
    if state["status"] == "waiting":
        return "running"
    return None if state["status"] in _FINAL else "stay"


def _moved(state: State, move: str, ts: float) -> State:
    """Returns a copy of the state in its new status, with what follows from that status."""
    next_state = dict(state)
    if move == "stay" or move == state["status"]:
        return next_state
    if move in _FINAL:
        _end(next_state, move, ts)
        return next_state
    next_state["status"] = move
    if move == "stalled":
        # A silent producer may still be working, so steps, agents and open spans stay as they are.
        next_state["before_stall"] = state["status"]
        return next_state
    _drop(next_state, "before_stall", "silent_since")
    if move == "running":
        next_state.setdefault("active_since", ts)
    else:
        _rest(next_state, ts)
    if move == "waiting":
        _drop(next_state, "reason")
        _close(next_state, "pause", "pause", ts)
        return next_state
    _close(next_state, "wait", "wait", ts)
    _drop(next_state, "waiting")
    if move == "paused":
        _open(next_state, "pause", "pause", ts)
    else:
        _drop(next_state, "reason")
        _close(next_state, "pause", "pause", ts)
        next_state.setdefault("started_at", ts)
    return next_state


def _end(state: State, status: str, ts: float) -> None:
    _rest(state, ts)
    _drop(state, *_MOMENTARY)
    state["status"] = status
    if status == "done":
        state["percent"] = 100
    last = _LAST_STEP[status]
    state["steps"] = [
        {**step, "status": last, "percent": 100 if last == "done" else step["percent"], "ended_at": ts}
        if step["status"] == "running"
        else step
        for step in state["steps"]
    ]
    state["agents"] = [
        {**agent, "active": False, "tasks": [], "since": ts, "updated_at": ts} if agent["active"] else agent
        for agent in state["agents"]
    ]
    _close_all(state, ts)
    state["ended_at"] = ts
    if "questions" in state:
        state["questions"] = [
            {**_settled(one, "withdrawn", ts), "reason": status} if one["status"] == "open" else one
            for one in state["questions"]
        ]
    if "inputs" in state:
        state["inputs"] = [
            {**one, "phase": "dropped", "updated_at": ts} if one["phase"] in _INPUT_PHASES else one
            for one in state["inputs"]
        ]


def _apply(state: State, event: str, data: dict[str, Any], ts: float, offset: int) -> None:
    apply = _APPLY.get(event)
    if apply is not None:
        apply(state, data, ts, offset)


def _waiting(state: State, data: dict[str, Any], ts: float, _: int) -> None:
    _open(state, "wait", "wait", ts)
    state["waiting"] = data


def _started(state: State, data: dict[str, Any], ts: float, _: int) -> None:
    attempt = data.get("attempt", state["attempt"])
    if attempt <= state["attempt"]:
        return
    _drop(state, *_MOMENTARY, "message", "counter", "result", "error", "ended_at")
    _close_all(state, ts)
    state.update(
        status="running",
        attempt=attempt,
        percent=state.get("children", {}).get("percent", 0),
        steps=[_planned(step) for step in state["steps"]],
        agents=[],
        texts={},
        active_ms=0,
        active_since=ts,
        started_at=ts,
    )


# Steps and progress.


def _planned(step: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": step["id"],
        "title": step.get("title", step["id"]),
        "weight": step.get("weight", 1),
        "status": "pending",
        "percent": 0,
    }


def _replan(state: State, data: dict[str, Any], ts: float, _: int) -> None:
    before = {step["id"]: step for step in state["steps"]}
    steps = []
    for planned in data["steps"]:
        step = before.pop(planned["id"], None)
        if step is None:
            steps.append(_planned(planned))
        else:
            title, weight = planned.get("title", step["title"]), planned.get("weight", step["weight"])
            steps.append({**step, "title": title, "weight": weight})
    for step_id in before:
        _close(state, "step", step_id, ts)
    _with_steps(state, steps, state.get("current_step"))


def _step(state: State, data: dict[str, Any], ts: float, _: int) -> None:
    before = next((step for step in state["steps"] if step["id"] == data["id"]), None) or _planned(data)
    status = data.get("status") or ("running" if before["status"] == "pending" else before["status"])
    was_running = before["status"] == "running"
    begins = not was_running and status != "skipped" and (status == "running" or "started_at" not in before)
    step = dict(_planned(before) if begins else before)
    counter = _counted(step.get("counter"), data)
    percent = max(step["percent"], _percent_of(data, counter) or 0)
    step.update(status=status, percent=100 if status == "done" else percent)
    _define(step, title=data.get("title"), message=data.get("message"), counter=counter)
    if begins:
        step["started_at"] = ts
    if status != "running" and status != before["status"]:
        step["ended_at"] = ts
    steps = _put(state["steps"], step, _MAX_STEPS, lambda one: one["status"] != "running")
    _with_steps(state, steps, step["id"] if status == "running" else state.get("current_step"))
    if begins:
        _open(state, "step", step["id"], ts)
        _in_order(state, step["id"])
    if status != "running" and (begins or was_running):
        _close(state, "step", step["id"], ts)
    _say(state, data)


def _with_steps(state: State, steps: Items, wanted: str | None) -> None:
    running = [step["id"] for step in steps if step["status"] == "running"]
    current = wanted if wanted in running else running[-1] if running else None
    _drop(state, "current_step")
    state["steps"] = steps
    state["percent"] = state.get("children", {}).get("percent", max(state["percent"], _mean(steps) or 0))
    _define(state, current_step=current)


def _progress(state: State, data: dict[str, Any], _: float, __: int) -> None:
    reset = data.get("reset", False)
    counter = _counted(None if reset else state.get("counter"), data)
    reached = _mean(state["steps"])
    if reached is None:
        reached = _percent_of(data, counter)
    reached = 0 if reached is None else reached
    own = reached if reset else max(state["percent"], reached)
    state["percent"] = state.get("children", {}).get("percent", own)
    _drop(state, "counter")
    _define(state, counter=counter)
    _say(state, data)


def _counted(before: dict[str, Any] | None, data: Mapping[str, Any]) -> dict[str, Any] | None:
    if not any(name in data for name in ("done", "total", "unit")):
        return before
    counter = {**(before or {}), "done": data.get("done", (before or {}).get("done", 0))}
    _define(counter, total=data.get("total"), unit=data.get("unit"))
    return counter


def _percent_of(data: Mapping[str, Any], counter: Mapping[str, Any] | None) -> float | None:
    if "percent" in data:
        return float(data["percent"])
    if "done" not in data and "total" not in data:
        return None
    if counter is None or not counter.get("total"):
        return None
    share = counter["done"] / counter["total"] * 100
    return 100.0 if share >= 100 else min(100.0, _hundredths(share))


def _mean(steps: Items) -> float | None:
    complete = weights = 0.0
    for step in steps:
        weights += step["weight"]
        complete += step["weight"] * (100 if step["status"] == "skipped" else step["percent"])
    return min(100.0, _hundredths(complete / weights)) if weights > 0 else None


def _hundredths(percent: float) -> float:
    return math.floor(percent * 100 + 1e-6) / 100


# Agents, the log and texts.


def _agent(state: State, data: dict[str, Any], ts: float, _: int) -> None:
    before = next((agent for agent in state["agents"] if agent["id"] == data["id"]), None)
    was_active = before is not None and before["active"]
    active = data.get("active", True if before is None else before["active"])
    tasks = data["tasks"][-_MAX_TASKS:] if "tasks" in data else (before or {}).get("tasks", []) if active else []
    agent = {
        "id": data["id"],
        "name": data.get("name", (before or {}).get("name", data["id"])),
        "active": active,
        "tasks": tasks,
        "since": ts if before is None or was_active != active else before["since"],
        "updated_at": ts,
    }
    _define(agent, progress=data.get("progress", (before or {}).get("progress")))
    state["agents"] = _put(state["agents"], agent, _MAX_AGENTS, lambda one: not one["active"])
    if active == was_active:
        return
    if active:
        state["current_agent"] = agent["id"]
        _in_order(state, agent["id"])
        _open(state, "agent", agent["id"], ts)
        return
    _close(state, "agent", agent["id"], ts)
    working = [one for one in state["agents"] if one["active"]]
    if any(one["id"] == state.get("current_agent") for one in working):
        return
    _drop(state, "current_agent")
    if working:
        latest = working[0]
        for one in working:
            if one["since"] >= latest["since"]:
                latest = one
        state["current_agent"] = latest["id"]


def _log(state: State, data: dict[str, Any], ts: float, offset: int) -> None:
    level = data.get("level", "info")
    line = {"seq": offset, "at": ts, "level": level, "message": data["message"]}
    for name in ("agent", "step", "data"):
        if name in data:
            line[name] = data[name]
    state["log"] = [*state["log"][1 - _MAX_LOG :], line]
    state["log_total"] += 1
    state["log_counts"] = {**state["log_counts"], level: state["log_counts"][level] + 1}


def _text(state: State, data: dict[str, Any], _: float, offset: int) -> None:
    stream = data["stream"]
    before = None if data.get("reset") else state["texts"].get(stream)
    if before is not None and before["done"]:
        return
    text, is_cut = append_bounded("" if before is None else before["text"], data.get("append", ""), _MAX_TEXT)
    after: dict[str, Any] = {"text": text, "done": data.get("done", False), "offset": offset}
    if is_cut or (before or {}).get("truncated"):
        after["truncated"] = True
    texts = {**state["texts"], stream: after}
    if len(texts) > _MAX_TEXTS:
        texts = dict(sorted(texts.items(), key=lambda one: one[1]["offset"])[-_MAX_TEXTS:])
    state["texts"] = texts


def append_bounded(text: str, piece: str, limit: int) -> tuple[str, bool]:
    """Appends a piece; beyond the limit, keeps the last seven eighths of it. Lengths are those of UTF-16."""
    whole = text + piece
    if not piece.isascii() or (text != "" and not text[-1].isascii()):
        # Two halves of a surrogate pair that come in two pieces are one character.
        whole = whole.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    if len(whole) * 2 <= limit or utf16_length(whole) <= limit:
        return whole, False
    kept = limit - (limit >> 3)
    raw = whole.encode("utf-16-le", "surrogatepass")[-2 * kept :]
    if 0xDC00 <= int.from_bytes(raw[:2], "little") <= 0xDFFF:
        raw = raw[2:]
    return raw.decode("utf-16-le", "surrogatepass"), True


# Commands, messages and questions.

#: The phases that may follow each phase of a command.
COMMAND_PHASES: Mapping[str, tuple[str, ...]] = {
    "requested": ("acknowledged", "done", "refused", "timed_out"),
    "acknowledged": ("done", "refused", "timed_out"),
    "done": (),
    "refused": (),
    "timed_out": (),
}
_INPUT_PHASES = {"queued": ("taken", "done", "interrupted"), "taken": ("done", "interrupted")}


def _command(state: State, data: dict[str, Any], ts: float, _: int) -> None:
    commands: Items = state["commands"]
    before = next((one for one in commands if one["id"] == data["command_id"]), None)
    phase = data["phase"]
    if before is None and data["command"] in EVERY_COMMAND:
        # A command that repeats one that is not settled is the earlier one.
        if any(one["command"] == data["command"] and COMMAND_PHASES[one["phase"]] for one in commands):
            return
    if phase not in COMMAND_PHASES[before["phase"]] if before is not None else phase != "requested":
        return
    after = dict(before) if before is not None else {"id": data["command_id"], "command": data["command"]}
    if before is None:
        after["requested_at"] = ts
        for name in ("by", "args"):
            if name in data:
                after[name] = data[name]
    after.update(phase=phase, updated_at=ts)
    _define(after, reason=data.get("reason"))
    state["commands"] = _put(commands, after, _MAX_COMMANDS, lambda one: not COMMAND_PHASES[one["phase"]])


def _accepts(state: State, data: dict[str, Any], _: float, __: int) -> None:
    state["accepts"] = {**state.get("accepts", {}), **data}


def _input(state: State, data: dict[str, Any], ts: float, offset: int) -> None:
    inputs: Items = state.get("inputs", [])
    phase = data["phase"]
    before = next((one for one in inputs if one["id"] == data["input_id"]), None)
    if before is not None:
        if phase in _INPUT_PHASES.get(before["phase"], ()):
            state["inputs"] = [{**one, "phase": phase, "updated_at": ts} if one is before else one for one in inputs]
        return
    if phase != "queued":
        return
    accepts = state.get("accepts", {})
    pending = sum(1 for one in inputs if one["phase"] in _INPUT_PHASES)
    is_busy = accepts.get("inputs") == "reject" and (accepts.get("busy") is True or pending > 0)
    sent = {
        "id": data["input_id"],
        "phase": "rejected" if pending >= _MAX_PENDING_INPUTS or is_busy else "queued",
        "sent_at": ts,
        "updated_at": ts,
        "seq": offset,
    }
    for name in ("data", "by"):
        if name in data:
            sent[name] = data[name]
    state["inputs"] = _put(inputs, sent, _MAX_INPUTS, lambda one: one["phase"] not in _INPUT_PHASES)


def _question(state: State, data: dict[str, Any], ts: float, _: int) -> None:
    questions: Items = state.get("questions", [])
    before = next((one for one in questions if one["id"] == data["question_id"]), None)
    if data["phase"] == "asked":
        if before is not None or "kind" not in data:
            return
        names = ("kind", "prompt", "options", "schema", "for", "default", "deadline_at")
        asked = {"id": data["question_id"], **{name: data[name] for name in names if name in data}}
        asked.update(status="open", asked_at=ts, updated_at=ts)
        state["questions"] = _put(questions, asked, _MAX_QUESTIONS, lambda one: one["status"] != "open")
        return
    if before is None or before["status"] != "open":
        return
    if data["phase"] == "escalated":
        after = {**before, "updated_at": ts}
        said: tuple[str, ...] = ("level", "for")
    else:
        after = _settled(before, data["phase"], ts)
        said = ("answer", "by", "by_default", "comment", "reason")
    after.update({name: data[name] for name in said if name in data})
    state["questions"] = [after if one is before else one for one in questions]


def _settled(question: Mapping[str, Any], status: str, ts: float) -> dict[str, Any]:
    kept = {name: value for name, value in question.items() if name not in ("schema", "default")}
    return {**kept, "status": status, "updated_at": ts}


# Counters, children, links.

def _count(state: State, data: dict[str, Any], _: float, __: int) -> None:
    counters = state.get("counters", {})
    name = data["name"]
    if name in counters or len(counters) < MAX_COUNTERS:
        state["counters"] = {**counters, name: add_amounts(counters.get(name, "0"), data["add"])}


def _children(state: State, data: dict[str, Any], _: float, __: int) -> None:
    before = state.get("children")
    if before is not None and data["revision"] <= before["revision"]:
        return
    old, new = (before or {}).get("counters", {}), data.get("counters", {})
    sums = dict(state.get("counters", {}))
    for name in {**old, **new}:
        # A sum is never negative, also on the way.
        own = max(0, units_of(sums.get(name, "0")) - units_of(old.get(name, "0")))
        sums[name] = amount_of(own + units_of(new.get(name, "0")))
    if sums or "counters" in state:
        state["counters"] = sums
    state["children"] = data
    if "percent" in data and state["status"] not in _FINAL:
        state["percent"] = data["percent"]


def _link(state: State, data: dict[str, Any], ts: float, _: int) -> None:
    link = {"id": data["id"], "title": data.get("title", data["id"]), "url": data["url"], "at": ts}
    state["links"] = _put(state.get("links", []), link, _MAX_LINKS, lambda _: True)


def _artefact(state: State, data: dict[str, Any], ts: float, _: int) -> None:
    before: Items = state.get("artefacts", [])
    after = {**data, "at": ts}
    if any(one["name"] == data["name"] for one in before):
        state["artefacts"] = [after if one["name"] == data["name"] else one for one in before]
    else:
        state["artefacts"] = [*before, after][-_MAX_ARTEFACTS:]


def _beat(state: State, data: dict[str, Any], ts: float, _: int) -> None:
    if not data:
        _drop(state, "busy")
        return
    reason = data.get("reason", "")
    before = state.get("busy")
    since = before["since"] if before is not None and before["reason"] == reason else ts
    state["busy"] = {"reason": reason, "since": since}
    _define(state["busy"], until=data.get("until"))


def _budget(state: State, data: dict[str, Any], ts: float, _: int) -> None:
    before = state.get("budget")
    if before is None:
        return
    kept: dict[str, Any] = {"counter": before["counter"], "limit": data["limit"]}
    if data["phase"] == "passed":
        kept["passed_at"] = ts
        _define(kept, spent=data.get("spent"), question_id=data.get("question_id"))
    elif data["phase"] == "stopped":
        kept = {**before, "stopped": True}
    state["budget"] = kept


# Ends and their data.


def _field(name: str) -> Callable[[State, dict[str, Any], float, int], None]:
    def apply(state: State, data: dict[str, Any], _: float, __: int) -> None:
        if name in data:
            state[name] = data[name]

    return apply


def _stalled(state: State, data: dict[str, Any], ts: float, _: int) -> None:
    # Nobody knows whether work was done during the silence, so it does not count as work.
    _rest(state, ts - data["silent_ms"])
    state["silent_since"] = ts - data["silent_ms"]


def _estimate(state: State, data: dict[str, Any], _: float, __: int) -> None:
    state["estimate"] = data


_APPLY: Mapping[str, Callable[[State, dict[str, Any], float, int], None]] = {
    "waiting": _waiting,
    "started": _started,
    "steps": _replan,
    "step": _step,
    "progress": _progress,
    "agent": _agent,
    "log": _log,
    "text": _text,
    "paused": _field("reason"),
    "cancelled": _field("reason"),
    "command": _command,
    "accepts": _accepts,
    "input": _input,
    "question": _question,
    "count": _count,
    "children": _children,
    "link": _link,
    "artefact": _artefact,
    "beat": _beat,
    "budget": _budget,
    "done": _field("result"),
    "failed": _field("error"),
    "stalled": _stalled,
    "estimate": _estimate,
}


# Helpers. They change a state that is a copy already, and never what it contains.


def _rest(state: State, ts: float) -> None:
    """Adds the time since the operation began to work to its active time, up to ``ts``."""
    if "active_since" in state:
        state["active_ms"] = state.get("active_ms", 0) + max(0, ts - state.pop("active_since"))


def _drop(state: State, *names: str) -> None:
    for name in names:
        state.pop(name, None)


def _define(target: dict[str, Any], **values: Any) -> None:
    for name, value in values.items():
        if value is not None:
            target[name] = value


def _say(state: State, data: Mapping[str, Any]) -> None:
    if "message" in data:
        state["message"] = data["message"]


def _put(items: Items, item: dict[str, Any], limit: int, is_idle: Callable[[dict[str, Any]], bool]) -> Items:
    """Replaces the item with the same id, or appends it. Beyond the limit, drops the first idle one, else the oldest."""
    if any(one["id"] == item["id"] for one in items):
        return [item if one["id"] == item["id"] else one for one in items]
    every = [*items, item]
    if len(every) > limit:
        del every[next((at for at, one in enumerate(every) if is_idle(one)), 0)]
    return every


def _is_open(span: Mapping[str, Any], what: str, span_id: str) -> bool:
    return "to" not in span and span["what"] == what and bool(span["id"] == span_id)


def _open(state: State, what: str, span_id: str, ts: float) -> None:
    timeline: Items = state["timeline"]
    if not any(_is_open(span, what, span_id) for span in timeline):
        span = {"what": what, "id": span_id, "from": ts, "attempt": state["attempt"]}
        state["timeline"] = [*timeline, span][-_MAX_TIMELINE:]


def _close(state: State, what: str, span_id: str, ts: float) -> None:
    state["timeline"] = [
        {**span, "to": ts} if _is_open(span, what, span_id) else span for span in state["timeline"]
    ]


def _close_all(state: State, ts: float) -> None:
    state["timeline"] = [span if "to" in span else {**span, "to": ts} for span in state["timeline"]]


def _in_order(state: State, item_id: str) -> None:
    if item_id not in state["execution_order"]:
        state["execution_order"] = [*state["execution_order"], item_id][-_MAX_ORDER:]


__all__ = ["COMMAND_PHASES", "STATUSES", "TRANSITIONS", "append_bounded", "fold", "reduce_operation"]
