"""The state of an operation folds as the vectors say, and as the gateway folds it."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import milepost
from milepost import fold
from test_parts import vectors
from world import Gateway

KNOWN = vectors("operation-fold.json")


def test_logs_fold_to_the_states_of_the_vectors() -> None:
    """[P-PY-9]"""
    wrong = []
    for case in KNOWN["cases"]:
        if fold.fold(case["entries"]) != case["state"]:
            wrong.append(case["what"])
        snapshot = case.get("snapshot")
        if snapshot is not None:
            rest = case["entries"][snapshot["after"] :]
            if fold.fold(rest, snapshot["state"]) != case["state"]:
                wrong.append(case["what"] + ", from its snapshot")
    assert len(KNOWN["cases"]) > 100 and wrong == []


def test_every_event_has_the_effect_of_the_vectors_in_every_status() -> None:
    """[P-PY-9]"""
    for status, moves in KNOWN["transitions"].items():
        mine = fold.TRANSITIONS[status]
        assert {event: mine.get(event, "ignore") for event in moves} == moves, status
    assert {phase: list(after) for phase, after in fold.COMMAND_PHASES.items()} == KNOWN["command_phases"]


def test_texts_are_cut_as_the_vectors_say() -> None:
    """[P-PY-9]"""
    for one in KNOWN["cut_texts"]:
        text, _ = fold.append_bounded(one["unit"] * one["times"], one["piece"], 256 * 1024)
        assert len(text.encode("utf-16-le", "surrogatepass")) // 2 == one["length"]
        assert text.startswith(one["first"])


def test_a_fold_never_changes_what_it_is_given_and_never_raises() -> None:
    """[P-PY-9]"""
    chance = random.Random(3)
    entries = [entry for case in KNOWN["cases"] for entry in case["entries"]]
    odd: list[Any] = [None, -1, 2**60, float("nan"), "", [], {}, True, "x" * 300, {"id": 5}]
    for case in chance.sample(KNOWN["cases"], 40):
        state = case["state"]
        for _ in range(50):
            entry = copy.deepcopy(chance.choice(entries))
            if isinstance(entry.get("data"), dict) and entry["data"] and chance.random() < 0.5:
                entry["data"][chance.choice(list(entry["data"]))] = chance.choice(odd)
            if state is not None:
                entry["offset"] = state["offset"] + chance.choice([-1, 0, 1, 1, 1, 1])
            before = json.dumps(state, sort_keys=True)
            after = fold.reduce_operation(state, entry)
            assert json.dumps(state, sort_keys=True) == before
            state = after


def test_python_and_a_real_gateway_fold_a_log_alike(gateway: Gateway, producer: milepost.Producer) -> None:
    """[P-PY-9]"""
    chance = random.Random(5)
    for _ in range(5):
        run = producer.run("mixed", steps=["a", "b"])
        with run as op:
            for number in range(60):
                step = op.step(chance.choice("abc"))
                chance.choice(
                    [
                        lambda step=step: step.begin(),
                        lambda step=step, number=number: step.progress(number, 100, message="m"),
                        lambda step=step: step.done(),
                        lambda number=number: op.progress(percent=number),
                        lambda: op.agent(chance.choice("xyz"), active=chance.random() < 0.6, tasks=["t"]),
                        lambda: op.warning("w", {"a": 1.5}),
                        lambda: op.text("t").append("\U0001f600"),
                        lambda: op.waiting(1, 2),
                    ]
                )()
        assert run.delivered(20)
        entries = [
            {**entry, "offset": int(entry["position"].split(".")[1])} for entry in gateway.log(run.operation_id)
        ]
        assert fold.fold(entries) == gateway.state(run.operation_id)
