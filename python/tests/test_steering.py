"""People send messages into running work and commands of its own, also when its process is killed."""

from __future__ import annotations

import asyncio
import signal
import threading
from typing import Any

import pytest

import milepost
from test_faults import script
from world import Gateway, eventually


def send(gateway: Gateway, operation: str, data: Any) -> None:
    assert gateway.call("POST", f"/v1/operations/{operation}/inputs", {"data": data})


def messages(gateway: Gateway, operation: str) -> list[tuple[Any, str]]:
    return [(one["data"], one["phase"]) for one in gateway.state(operation).get("inputs", [])]


def test_work_takes_messages_one_at_a_time_in_their_order(gateway: Gateway, producer: milepost.Producer) -> None:
    """[P-STE-7]"""
    run = producer.run("agent")
    got: list[Any] = []
    go_on = threading.Semaphore(0)

    def work() -> None:
        with run as op:
            for one in op.inputs():
                got.append(one.data)
                go_on.acquire()
                if one.data == "stop":
                    break

    worker = threading.Thread(target=work)
    worker.start()
    eventually(lambda: gateway.state(run.operation_id).get("accepts") == {"inputs": "queue"})
    for data in ("a", "b", "stop"):
        send(gateway, run.operation_id, data)
    eventually(lambda: messages(gateway, run.operation_id) == [("a", "taken"), ("b", "queued"), ("stop", "queued")])
    go_on.release(3)
    worker.join(20)
    assert got == ["a", "b", "stop"] and run.delivered(10)
    assert messages(gateway, run.operation_id) == [("a", "done"), ("b", "done"), ("stop", "done")]


def test_a_task_is_interrupted_by_a_later_message_and_ended_by_a_cancel(
    gateway: Gateway, producer: milepost.Producer
) -> None:
    """[P-STE-7]"""

    async def work() -> list[Any]:
        got = []
        try:
            async with producer.run("agent") as op:
                # The report that creates the operation goes out beside the work.
                await asyncio.to_thread(eventually, lambda: gateway.call("GET", f"/v1/operations/{op.id}"))
                await asyncio.to_thread(send, gateway, op.id, "a")
                async for one in op.inputs("interrupt"):
                    got.append(one.data)
                    if one.data == "a":
                        await asyncio.to_thread(send, gateway, op.id, "b")
                        await one.interrupted.wait_async()
                    else:
                        gateway_id = op.id
                        await asyncio.to_thread(gateway.command, gateway_id, "cancel")
        except milepost.Cancelled:
            got.append("cancelled")
        assert messages(gateway, gateway_id) in (
            [("a", "interrupted"), ("b", "done")],
            [("a", "interrupted"), ("b", "dropped")],
        )
        return got

    assert asyncio.run(work()) == ["a", "b", "cancelled"]


def test_what_a_killed_process_had_not_taken_comes_again_and_what_it_had_taken_never_does(gateway: Gateway) -> None:
    """[P-STE-5] [P-STE-7]"""
    code = """
    run = producer.run("agent", operation_id="killed-steer", lease=60)
    with run as op:
        for one in op.inputs():
            print(one.data, flush=True)
            if one.data == "a":
                time.sleep(60)
            if one.data == "stop":
                break
    """
    first = script(code, gateway)
    eventually(lambda: gateway.state("killed-steer").get("accepts"))
    for data in ("a", "b", "stop"):
        send(gateway, "killed-steer", data)
    eventually(lambda: messages(gateway, "killed-steer")[0] == ("a", "taken"))
    first.send_signal(signal.SIGKILL)
    first.wait()
    second = script(code, gateway)
    printed, _ = second.communicate(timeout=30)
    assert printed.split() == ["b", "stop"]
    assert messages(gateway, "killed-steer") == [("a", "interrupted"), ("b", "done"), ("stop", "done")]


def test_a_declared_command_is_checked_and_carried_out(gateway: Gateway, producer: milepost.Producer) -> None:
    """[P-CMD-7] [P-CMD-10]"""
    got: list[Any] = []
    schema = {"type": "object", "properties": {"value": {"maximum": 9}}, "required": ["value"]}
    with producer.run("index") as op:
        op.on_command("level", got.append, schema=schema, title="Level of detail")
        eventually(lambda: gateway.state(op.id).get("accepts"))
        path = f"/v1/operations/{op.id}/commands"
        with pytest.raises(AssertionError, match="args.value"):
            gateway.call("POST", path, {"command": "level", "args": {"value": 12}})
        with pytest.raises(AssertionError, match="it has cancel, pause, resume, retry, level"):
            gateway.call("POST", path, {"command": "unknown"})
        assert gateway.call("POST", path, {"command": "level", "args": {"value": 3}})
        eventually(lambda: [one["phase"] for one in gateway.state(op.id)["commands"]] == ["done"])
    assert got == [{"value": 3}]


def test_one_command_goes_to_all_operations_of_a_filter_over_several_pages(
    gateway: Gateway, producer: milepost.Producer
) -> None:
    """[P-CMD-11]"""
    made = set()
    for number in range(103):
        create = {"kind": "sweep", "operation_id": f"sweep-{number}", "tags": ["nightly"]}
        made.add(gateway.call("POST", "/v1/operations", create)["operation"]["id"])
    gateway.call("POST", "/v1/operations", {"kind": "other", "operation_id": "sweep-other"})
    tagged = {"tag": "nightly"}
    results = list(producer.command_all("cancel", tagged, key="stop"))
    assert {one["operation_id"] for one in results} == made
    assert all(one["phase"] == "requested" for one in results)
    assert not gateway.state("sweep-other").get("commands")

    async def again() -> list[Any]:
        return [one async for one in producer.command_all_async("cancel", tagged, key="stop")]

    # The same key is the same command.
    assert {one["command_id"] for one in asyncio.run(again())} == {one["command_id"] for one in results}
    with pytest.raises(milepost.MilepostError) as refused:
        next(producer.command_all("cancel", {}))
    assert refused.value.code == "bad_message"
