"""Parts of the producer by themselves: repairs, outbox, HTTP, signatures."""

from __future__ import annotations

import datetime
import enum
import json
import pickle
import random
import uuid
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import milepost
from milepost import _clean as clean
from milepost import _reports as reports
from milepost import signing
from milepost._outbox import Outbox
from world import ROOT


def repaired(repair: clean.Repair, value: Any) -> tuple[Any, list[str]]:
    said: list[str] = []
    return repair(value, said.append), said


@pytest.mark.parametrize(
    ("text", "limit", "kept"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("\U0001f600", 2, "\U0001f600"),
        ("\U0001f600\U0001f600", 3, "\U0001f600…"),
        ("a\U0001f600b", 3, "a…"),
        ("\ud83d\ude00", 5, "\U0001f600"),
        ("\udc00a", 5, "\ufffda"),
        ("x" * 1_000_000, 4, "xxx…"),
        (12, 5, "12"),
    ],
)
def test_a_text_is_cut_as_the_gateway_counts_and_never_in_half_a_character(text: Any, limit: int, kept: str) -> None:
    """[P-PY-4]"""
    assert repaired(clean.text(limit), text)[0] == kept
    assert clean.utf16_length(kept) <= limit


class Color(enum.Enum):
    RED = "red"


@dataclass
class Point:
    x: int
    y: float


def test_values_with_a_form_in_json_have_it_and_others_are_null_with_a_complaint() -> None:
    """[P-PY-4]"""
    known = uuid.UUID(int=1)
    value = {
        "date": datetime.date(2026, 11, 30),
        "id": known,
        "set": frozenset([1]),
        "tuple": (1, 2),
        "enum": Color.RED,
        "point": Point(1, 0.5),
        "decimal": Decimal("0.5"),
        "path": Path("/a"),
        "large": 2**60,
        3: True,
    }
    kept, said = repaired(clean.payload(10_000), value)
    assert said == []
    assert kept == {
        "date": "2026-11-30", "id": str(known), "set": [1], "tuple": [1, 2], "enum": "red",
        "point": {"x": 1, "y": 0.5}, "decimal": 0.5, "path": "/a", "large": str(2**60), "3": True,
    }  # fmt: skip
    kept, said = repaired(clean.payload(10_000), {"a": [object()], "b": float("inf"), "c": 10**400})
    assert kept == {"a": [None], "b": None, "c": None}
    assert said == ["a[0] is a value of the type object; it arrives as null"]


def test_a_payload_takes_the_time_of_its_bound_and_not_of_its_size() -> None:
    """[P-PY-4]"""

    class Endless(dict[str, int]):
        def items(self) -> Any:
            while True:
                yield "name", 1

    kept, said = repaired(clean.payload(1_000), Endless(a=1))
    assert kept is None and said == ["is longer than 1000 characters of JSON and was left out"]
    loop: list[Any] = []
    loop.append(loop)
    assert repaired(clean.payload(10**6), loop)[1] == ["is nested deeper than 60 levels and was left out"]


def test_a_value_whose_reading_raises_is_left_out() -> None:
    """[P-PY-4]"""

    class Bad(dict[str, int]):
        def items(self) -> Any:
            raise RuntimeError("no")

    assert repaired(clean.payload(100), Bad(a=1)) == (None, ["cannot be written as JSON and was left out"])

    class Worse:
        def __str__(self) -> str:
            raise RuntimeError("no")

    said: list[str] = []
    assert reports.sanitise("log", {"message": Worse()}, lambda _, what: said.append(what)) == {"message": ""}
    assert said == ["message cannot be read and was left out"]


def outbox(**bounds: int) -> Outbox:
    return Outbox(bounds.get("max_bytes", 10**6), bounds.get("max_reports", 10**4), "k")


def add(box: Outbox, event: str, **data: Any) -> None:
    box.add(event, data, reports.slot_of(event, data))


def taken(box: Outbox) -> list[tuple[str, Any]]:
    out = [(one.event, one.data) for one in box.take(10**6, 10**9)]
    box.settle(len(out))
    return out


def test_updates_of_one_slot_merge_and_lines_do_not() -> None:
    """[P-PY-3]"""
    box = outbox()
    add(box, "step", id="a", status="running", total=9)
    for done in range(5):
        add(box, "log", message=str(done))
        add(box, "step", id="a", done=done)
        add(box, "progress", done=done)
    add(box, "step", id="a", status="done")
    assert taken(box) == [
        ("step", {"id": "a", "status": "running", "total": 9}),
        *[("log", {"message": str(done)}) for done in range(5)],
        ("progress", {"done": 4}),
        ("step", {"id": "a", "done": 4, "status": "done"}),
    ]


def test_nothing_merges_across_a_lifecycle_report_and_no_count_hides_behind_a_percentage() -> None:
    """[P-PY-3]"""
    box = outbox()
    add(box, "progress", percent=10)
    add(box, "progress", done=5)
    add(box, "paused")
    add(box, "progress", done=6)
    assert [event for event, _ in taken(box)] == ["progress", "progress", "paused", "progress"]


def test_pieces_of_text_are_joined_up_to_their_bound() -> None:
    """[P-PY-3]"""
    box = outbox()
    for _ in range(100):
        add(box, "text", stream="t", append="x" * 1_000)
    add(box, "text", stream="t", done=True)
    add(box, "text", stream="t", reset=True)
    pieces = taken(box)
    assert "".join(data.get("append", "") for _, data in pieces) == "x" * 100_000
    assert len(pieces) == 3 and pieces[1][1]["done"] and pieces[2][1]["reset"]


def test_a_full_outbox_drops_lines_first_and_says_in_the_log_how_many() -> None:
    """[P-PY-3]"""
    box = outbox(max_reports=5)
    add(box, "log", message="w", level="warning")
    for number in range(10):
        add(box, "log", message=str(number), level="info")
    add(box, "done")
    left = taken(box)
    assert box.has_dropped
    notice = left[1][1]
    assert left[0] == ("log", {"message": "w", "level": "warning"}) and left[-1] == ("done", {})
    kept = [data["message"] for _, data in left[2:-1]]
    assert notice["message"].startswith(f"{10 - len(kept)} lines of the log were dropped here")
    assert kept == [str(number) for number in range(10 - len(kept), 10)]


def test_lifecycle_reports_are_never_dropped() -> None:
    """[P-PY-3]"""
    box = outbox(max_reports=2)
    for _ in range(10):
        add(box, "started")
    assert len(taken(box)) == 10


def test_an_outbox_stays_in_order_and_within_its_bounds_whatever_is_reported() -> None:
    """[P-PY-3]"""
    chance = random.Random(7)
    for _ in range(200):
        box = outbox(max_bytes=4_000, max_reports=30)
        lines: list[int] = []
        for number in range(200):
            kind = chance.randrange(6)
            if kind == 0:
                add(box, "log", message=f"{number:06}", level=chance.choice(["info", "warning"]))
            elif kind == 1:
                add(box, "step", id=chance.choice("ab"), done=number)
            elif kind == 2:
                add(box, "step", id=chance.choice("ab"), status=chance.choice(["done", "running"]))
            elif kind == 3:
                add(box, "progress", done=number)
            elif kind == 4:
                add(box, "text", stream="t", append="x")
            else:
                lines += [int(data["message"]) for event, data in taken(box) if _is_line(event, data)]
            assert len(box) <= 31 and box.size <= 4_500
        lines += [int(data["message"]) for event, data in taken(box) if _is_line(event, data)]
        assert lines == sorted(lines)
        assert box.size == 0 and len(box) == 0


def _is_line(event: str, data: Any) -> bool:
    return event == "log" and "dropped" not in data.get("data", {})


def vectors(name: str) -> Any:
    return json.loads((ROOT / "vectors" / name).read_text())


def test_requests_and_publications_are_signed_as_the_vectors_say() -> None:
    """[P-PY-9]"""
    known = vectors("signing.json")
    for one in known["requests"]:
        key = signing.SigningKey(one["key_id"], known["secrets"][one["key_id"]])
        at = {"timestamp": one["timestamp"], "nonce": one["nonce"]}
        assert signing.sign_request(key, one["method"], one["target"], one["body"], **at) == one["signature"]
        verdict = signing.verify_request(
            one["method"], one["target"], one["body"], one["signature"], known["secrets"].get, now=one["timestamp"]
        )
        assert verdict == "valid"
    assert known["publications"]
    for one in known["publications"]:
        key = signing.SigningKey(one["key_id"], known["secrets"][one["key_id"]])
        sig = signing.sign_publication(
            key, one["channel"], one["event"], None, one.get("key"),
            json_text=one["data"], timestamp=one["timestamp"], nonce=one["nonce"],
        )  # fmt: skip
        assert sig == one["sig"]
        verify = {"secret_of": known["secrets"].get, "json_text": one["data"]}
        assert signing.verify_publication(one["channel"], one["event"], None, sig, **verify) == "valid"
        assert signing.verify_publication("other:1", one["event"], None, sig, **verify) == "mismatch"
    by_name = {one["name"]: one for one in known["publications"]}
    for one in known["refused"]:
        seen = {**by_name[one["of"]], **one}
        verdict = signing.verify_publication(
            seen["channel"], seen["event"], None, seen["sig"], known["secrets"].get, json_text=seen["data"]
        )
        assert verdict != "valid", one["name"]


def test_values_are_encrypted_and_decrypted_as_the_vectors_say() -> None:
    """[P-PY-9]"""
    encryption_of = pytest.importorskip("milepost.encryption").Encryption
    known = vectors("encryption.json")
    encryption = encryption_of(lambda key_id, channel: known["keys"].get(key_id), "k1")
    for one in known["values"]:
        data = one["envelope"] if one["field"] == "" else {one["field"]: one["envelope"]}
        plain = json.loads(one["plain"])
        opened = encryption.decrypt(one["channel"], one["event"], data)
        assert opened.encrypted == [] and opened.data == (plain if one["field"] == "" else {one["field"]: plain})
    for one in known["refused"]:
        data = one["envelope"] if one["field"] == "" else {one["field"]: one["envelope"]}
        opened = encryption.decrypt(one["channel"], one["event"], data)
        assert [left.reason for left in opened.encrypted] == [one["reason"]], one["name"]
        assert opened.data == data
    sealed, key = encryption.encrypt("chat:1", "m", {"a": "Grüße", "b": 1}, fields=["a"])
    assert sealed["b"] == 1 and sealed["a"]["$encrypted"]["id"] == key
    assert encryption.decrypt("chat:1", "m", sealed).data == {"a": "Grüße", "b": 1}
    assert encryption.decrypt("chat:2", "m", sealed).encrypted[0].reason == "mismatch"
    with pytest.raises(ValueError):
        encryption_of(lambda key_id, channel: None, "k1").encrypt("chat:1", "m", 1)

def test_errors_can_be_pickled_as_pools_of_processes_do() -> None:
    """[P-PY-1]"""
    error = pickle.loads(pickle.dumps(milepost.Cancelled("cancelled", "by hand")))
    assert isinstance(error, milepost.Cancelled) and (error.code, error.message) == ("cancelled", "by hand")


def test_a_url_or_key_that_cannot_be_one_is_refused_at_once() -> None:
    for url, key in (("ftp://x", "k"), ("", "k"), ("http://x", ""), ("http://x", "a\r\nb")):
        with pytest.raises(ValueError):
            milepost.Producer(url, key)
