"""Workers in Python claim the tickets of a real queue."""

from __future__ import annotations

import signal
import threading

from collections.abc import Callable

import milepost
from test_faults import script
from world import Gateway, eventually


def join(gateway: Gateway, queue: str, user: str) -> dict[str, object]:
    return dict(gateway.call("POST", f"/v1/queues/{queue}/tickets", {"user": user}))


def test_a_worker_serves_each_ticket_once(gateway: Gateway, producer: milepost.Producer) -> None:
    """[P-PY-12]"""
    gateway.call("PUT", "/v1/queues/py-render", {"capacity": 2})
    joined = {f"u{number}": join(gateway, "py-render", f"u{number}") for number in range(6)}
    served: list[tuple[str, str]] = []

    def render(ticket: milepost.Ticket) -> None:
        with ticket.run("render") as op:
            op.progress(1, 2)
            served.append((str(ticket.user), op.id))
            if ticket.user == "u3":
                raise ValueError("no scene")

    with producer.worker("py-render", render, slots=2):
        eventually(lambda: len(served) == 6)
    assert sorted(user for user, _ in served) == sorted(joined)
    for user, operation in served:
        ends = ("failed", "failed") if user == "u3" else ("done", "finished")
        eventually(lambda operation=operation, ends=ends: gateway.state(operation).get("status") == ends[0])
        assert gateway.state(operation)["user_id"] == user
        path = f"/v1/queues/py-render/tickets/{joined[user]['id']}"
        eventually(lambda path=path, ends=ends: gateway.call("GET", path)["status"] == ends[1])


def test_the_ticket_of_a_worker_that_was_killed_is_served_by_another(
    gateway: Gateway, make_producer: Callable[..., milepost.Producer]
) -> None:
    """[P-PY-12]"""
    gateway.call("PUT", "/v1/queues/py-killed", {"capacity": 1})
    ticket = join(gateway, "py-killed", "u1")
    process = script(
        """
        worker = producer.worker("py-killed", lambda ticket: time.sleep(60), lease=1)
        time.sleep(60)
        """,
        gateway,
    )
    path = f"/v1/queues/py-killed/tickets/{ticket['id']}"
    eventually(lambda: gateway.call("GET", path)["status"] == "running")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    served = threading.Event()
    with make_producer(gateway.url).worker("py-killed", lambda _: served.set(), lease=1):
        assert served.wait(30)
    eventually(lambda: gateway.call("GET", path)["status"] == "finished")


def test_a_lease_is_extended_while_the_work_of_its_ticket_runs(gateway: Gateway, producer: milepost.Producer) -> None:
    """[P-PY-12]"""
    gateway.call("PUT", "/v1/queues/py-long", {"capacity": 1})
    ticket = join(gateway, "py-long", "u1")
    calls: list[int] = []

    def long(claimed: milepost.Ticket) -> None:
        calls.append(claimed.attempt)
        assert not claimed.lost.wait(2.5)

    with producer.worker("py-long", long, lease=1):
        eventually(lambda: gateway.call("GET", f"/v1/queues/py-long/tickets/{ticket['id']}")["status"] == "finished")
    assert len(calls) == 1
