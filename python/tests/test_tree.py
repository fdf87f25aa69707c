"""Counters, links, artefacts and reasons, reported to a real gateway."""

from __future__ import annotations

from decimal import Decimal

import milepost
from world import Gateway


def test_counts_are_exact_however_they_are_merged_and_links_are_checked_before_they_are_sent(
    gateway: Gateway, producer: milepost.Producer
) -> None:
    """[P-PY-3][P-PY-4]"""
    run = producer.run("leaf", size=120)
    with run as op:
        for _ in range(1_000):
            op.count("tokens", 3)
            op.count("cost", Decimal("0.001"))
        op.count("not a name")
        op.link("log", "https://example.com/log", "The log")
        op.link("bad", "http://example.com")
        op.artefact("table", data={"rows": 2}, type="text/csv")
        op.beat("waits for the model", 60)
    assert run.delivered(10) is False
    state = gateway.state(run.operation_id)
    assert state["size"] == 120
    assert state["counters"] == {"tokens": "3000", "cost": "1"}
    assert [(link["id"], link["url"]) for link in state["links"]] == [("log", "https://example.com/log")]
    assert state["artefacts"][0]["data"] == {"rows": 2} and state["status"] == "done"
    assert sum(entry["event"] == "count" for entry in gateway.log(run.operation_id)) < 200
