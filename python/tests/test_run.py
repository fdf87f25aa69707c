"""Work reports to a real gateway, and hears its commands."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

import pytest

import milepost
from world import Gateway, eventually


def test_the_state_of_an_operation_is_what_its_work_reported(
    gateway: Gateway, producer: milepost.Producer, problems: list[milepost.Problem]
) -> None:
    """[P-PY-1]"""
    run = producer.run("export", title="Export", user="7", session="s", steps=["read", {"id": "write", "weight": 3}])
    with run as op:
        assert milepost.current() is op
        assert list(op.track(range(5), "read", unit="rows")) == list(range(5))
        with op.step("write", "Write rows") as step:
            step.info("half", {"rows": 2})
            step.progress(2, 5)
        op.agent("a", name="Ann", tasks=["looks"])
        assert list(op.stream(["to", "ken"], "answer")) == ["to", "ken"]
        op.success("written")
        op.result({"rows": 5})
    assert milepost.current() is None
    assert run.delivered(10)
    state = gateway.state(run.operation_id)
    assert (state["status"], state["percent"], state["result"]) == ("done", 100, {"rows": 5})
    assert state["user_id"] == "7" and state["session_id"] == "s" and state["title"] == "Export"
    assert [(step["id"], step["status"], step["counter"]) for step in state["steps"]] == [
        ("read", "done", {"done": 5, "total": 5, "unit": "rows"}),
        ("write", "done", {"done": 2, "total": 5}),
    ]
    assert [(line["level"], line["message"]) for line in state["log"]] == [("info", "half"), ("success", "written")]
    assert state["texts"]["answer"]["text"] == "token" and state["texts"]["answer"]["done"]
    assert problems == []


def test_an_exception_ends_the_operation_as_failed_and_reaches_the_caller(
    gateway: Gateway, producer: milepost.Producer
) -> None:
    """[P-PY-1]"""
    run = producer.run("export")
    with pytest.raises(ValueError, match="no rows"), run as op, op.step("read"):
        raise ValueError("no rows")
    assert run.delivered(10)
    state = gateway.state(run.operation_id)
    assert state["status"] == "failed"
    assert state["error"] == {"code": "job_failed", "message": "no rows", "retryable": False}
    assert state["steps"][0]["status"] == "failed"


def test_a_cancel_ends_the_work_at_its_next_pause_point(gateway: Gateway, producer: milepost.Producer) -> None:
    """[P-PY-5]"""
    run = producer.run("index")
    told = threading.Event()

    def items() -> object:
        while True:
            yield 1

    with pytest.raises(milepost.Cancelled) as caught, run as op:
        op.on_cancel(told.set)
        assert run.created(10) and not op.cancelled
        gateway.command(op.id, "cancel", {"reason": "wrong folder"})
        for _ in op.track(items()):  # type: ignore[call-overload]
            time.sleep(0.001)
    assert caught.value.code == "cancelled" and told.wait(10)
    assert run.delivered(10)
    state = gateway.state(run.operation_id)
    assert (state["status"], state["reason"]) == ("cancelled", "wrong folder")
    assert [(one["command"], one["phase"]) for one in state["commands"]] == [("cancel", "done")]


def test_a_pause_holds_the_work_at_a_pause_point_until_it_resumes(
    gateway: Gateway, producer: milepost.Producer
) -> None:
    """[P-PY-5]"""
    passed = []
    run = producer.run("index")

    def work() -> None:
        with run as op:
            while not passed or passed[-1] != "resumed":
                op.pause_point()
                if op.paused.wait(0.005):
                    op.pause_point()
                    passed.append("resumed")

    worker = threading.Thread(target=work)
    worker.start()
    eventually(lambda: gateway.state(run.operation_id).get("status") == "running")
    gateway.command(run.operation_id, "pause")
    eventually(lambda: gateway.state(run.operation_id)["status"] == "paused")
    assert passed == []
    gateway.command(run.operation_id, "resume")
    worker.join(20)
    assert run.delivered(10)
    state = gateway.state(run.operation_id)
    assert [(one["command"], one["phase"]) for one in state["commands"]] == [("pause", "done"), ("resume", "done")]
    assert state["status"] == "done"


def test_a_retry_of_work_that_cannot_be_run_again_is_refused(gateway: Gateway, producer: milepost.Producer) -> None:
    """[P-PY-5]"""
    run = producer.run("index")
    with producer.run("other"), pytest.raises(OSError):
        with run:
            raise OSError("gone")
        pass
    # Another operation keeps the producer listening.
    with producer.run("other"):
        assert run.delivered(10)
        gateway.command(run.operation_id, "retry")
        eventually(lambda: gateway.state(run.operation_id)["commands"][-1]["phase"] == "refused")


def test_a_task_is_cancelled_by_the_command_cancel(gateway: Gateway, producer: milepost.Producer) -> None:
    """[P-PY-5]"""

    async def main() -> None:
        run = producer.run("agent")
        with pytest.raises(milepost.Cancelled):
            async with run as op:
                assert await run.created_async()
                await asyncio.to_thread(gateway.command, op.id, "cancel")
                await asyncio.sleep(60)
        # The task itself goes on.
        assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]
        assert await run.delivered_async()
        assert gateway.state(run.operation_id)["status"] == "cancelled"

    asyncio.run(main())


def test_tasks_report_and_pause_without_holding_up_their_loop(gateway: Gateway, producer: milepost.Producer) -> None:
    """[P-PY-2][P-PY-5]"""

    async def tokens() -> object:
        for token in ("Hel", "lo"):
            yield token

    async def main() -> None:
        run = producer.run("agent", steps=["think"])
        async with run as op:
            assert milepost.current() is op
            async with op.step("think"):
                said = [token async for token in op.stream(tokens(), "answer")]  # type: ignore[arg-type, var-annotated]
                assert said == ["Hel", "lo"]
            assert await run.created_async()
            await asyncio.to_thread(gateway.command, op.id, "pause")
            await op.paused.wait_async()
            held = asyncio.create_task(op.pause_point())
            await asyncio.to_thread(eventually, lambda: gateway.state(op.id)["status"] == "paused")
            assert not held.done()
            await asyncio.to_thread(gateway.command, op.id, "resume")
            await held
            assert [item async for item in op.track([1, 2])] == [1, 2]
        assert await run.delivered_async()
        state = gateway.state(run.operation_id)
        assert state["status"] == "done" and state["texts"]["answer"]["text"] == "Hello"

    asyncio.run(main())


def test_two_operations_at_once_keep_their_reports_apart(gateway: Gateway, producer: milepost.Producer) -> None:
    """[P-PY-3]"""
    runs = [producer.run("index") for _ in range(20)]

    def work(run: milepost.Run, number: int) -> None:
        with run as op:
            for line in range(20):
                op.info(f"{number}:{line}")

    threads = [threading.Thread(target=work, args=(run, number)) for number, run in enumerate(runs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, run in enumerate(runs):
        assert run.delivered(20)
        lines = [entry["data"]["message"] for entry in gateway.log(run.operation_id) if entry["event"] == "log"]
        assert lines == [f"{number}:{line}" for line in range(20)]


def test_fields_that_the_gateway_would_refuse_are_repaired_and_told_of(
    gateway: Gateway, producer: milepost.Producer, problems: list[milepost.Problem]
) -> None:
    """[P-PY-4]"""
    run = producer.run("k" * 100, title="t" * 500, user="", input={"bad": float("nan"), "good": 1}, steps=["a", "a"])
    with run as op:
        op.progress(float("nan"), 10)
        op.progress(percent=float("inf"))
        op.info("half \ud83d of a pair")
        op.info("pair \ud83d\ude00")
        op.info("x" * 10_000)
        op.info("with data", object())
        op.log("odd", level="loud")  # type: ignore[arg-type]
        op.step("").begin()
        deep: list[object] = []
        deep.append(deep)
        op.result(deep)
    assert run.delivered(10) is False
    state = gateway.state(run.operation_id)
    assert state["status"] == "done" and state["kind"] == "k" * 64 and len(state["title"]) == 200
    assert state["input"] == {"bad": None, "good": 1}
    assert [step["id"] for step in state["steps"]] == ["a"]
    messages = [line["message"] for line in state["log"]]
    assert messages[:2] == ["half \ufffd of a pair", "pair \U0001f600"]
    assert len(messages[2]) == 4_000 and messages[3:] == ["with data", "odd"]
    assert {problem.event for problem in problems} >= {"created", "progress", "log", "step", "done"}
    assert all(problem.effect == "dropped" for problem in problems)


def test_a_producer_that_is_closed_ends_what_runs_and_delivers_it(
    gateway: Gateway, make_producer: Callable[..., milepost.Producer]
) -> None:
    """[P-PY-6]"""
    producer = make_producer(gateway.url)
    run = producer.run("index")
    ended = threading.Event()

    def work() -> None:
        try:
            with run as op:
                while True:
                    op.cancelled.wait(1)
                    op.check()
        except milepost.Cancelled as cancelled:
            assert cancelled.code == "shutting_down"
            ended.set()

    threading.Thread(target=work).start()
    assert run.created(10) if eventually(lambda: run._tracked) else False
    assert producer.close() and ended.wait(5)
    state = gateway.state(run.operation_id)
    assert state["status"] == "failed" and state["error"]["code"] == "shutting_down"
    with producer.run("late") as op:
        op.info("nobody hears it, and nothing breaks")


def test_publish_waits_for_its_answer_and_stores_a_key_once(gateway: Gateway, producer: milepost.Producer) -> None:
    """[P-PY-3]"""
    first = producer.publish("chat:py", "chat_message", {"role": "user", "content": "hi"}, key="k1")
    again = producer.publish("chat:py", "chat_message", {"role": "user", "content": "hi"}, key="k1")
    assert again["duplicate"] and again["position"] == first["position"]
    with pytest.raises(milepost.MilepostError) as caught:
        producer.publish("no channel", "x", {})
    assert caught.value.code == "invalid_channel" and not caught.value.retryable
