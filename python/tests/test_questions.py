"""Work asks people, and goes on with their answer, also after its process or the gateway was killed."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest

import milepost
from test_faults import script
from world import Gateway, eventually


def questions(gateway: Gateway, operation: str) -> list[dict[str, Any]]:
    answer = gateway.call("GET", f"/v1/operations/{operation}/questions")
    return list(answer["questions"]) if answer else []


def asked(gateway: Gateway, operation: str, number: int = 1) -> dict[str, Any]:
    """Waits until the operation has asked so many questions, and returns the open one."""
    found = eventually(
        lambda: [one for one in questions(gateway, operation) if one["status"] == "open"]
        if len(questions(gateway, operation)) >= number
        else None
    )
    return dict(found[0])


def answer(gateway: Gateway, question: dict[str, Any], value: Any) -> None:
    path = f"/v1/operations/{question['operation_id']}/questions/{question['id']}/answer"
    assert gateway.call("POST", path, {"answer": value})


def test_work_goes_on_with_the_answers_of_people(gateway: Gateway, producer: milepost.Producer) -> None:
    """[P-PY-10]"""
    got: list[Any] = []
    run = producer.run("deploy", user="7")

    def work() -> None:
        with run as op:
            got.append(op.approve("Deploy?", users=["7"]))
            got.append(op.choose("Where?", ["eu", {"id": "us", "title": "USA"}]))
            got.append(op.input("How many?", {"type": "integer"}, default=3, deadline=0.5))

    worker = threading.Thread(target=work)
    worker.start()
    first = asked(gateway, run.operation_id)
    assert first["for"] == {"users": ["7"]}
    answer(gateway, first, True)
    answer(gateway, asked(gateway, run.operation_id, 2), "us")
    worker.join(20)
    assert got == [True, "us", 3]
    assert run.delivered(10) and gateway.state(run.operation_id)["status"] == "done"


def test_a_question_without_an_answer_says_so(gateway: Gateway, producer: milepost.Producer) -> None:
    """[P-PY-10]"""
    with producer.run("deploy") as op, pytest.raises(milepost.QuestionClosed) as caught:
        op.approve("Anybody?", deadline=0.3)
    assert caught.value.code == "expired"
    with producer.run("deploy") as op, pytest.raises(milepost.MilepostError) as wrong:
        op.choose("Which?", [])
    assert not wrong.value.retryable


def test_a_cancel_ends_the_wait_for_an_answer(gateway: Gateway, producer: milepost.Producer) -> None:
    """[P-PY-10]"""
    run = producer.run("deploy")

    def cancel() -> None:
        gateway.command(asked(gateway, run.operation_id)["operation_id"], "cancel")

    threading.Thread(target=cancel).start()
    with pytest.raises(milepost.Cancelled), run as op:
        op.approve("Deploy?")
    assert run.delivered(10)
    eventually(lambda: questions(gateway, run.operation_id)[0]["status"] == "withdrawn")


def test_tasks_ask_without_holding_up_their_loop(gateway: Gateway, producer: milepost.Producer) -> None:
    """[P-PY-10]"""

    async def main() -> list[Any]:
        run = producer.run("agent")
        async with run as op:
            asking = [asyncio.create_task(op.approve("Same?")), asyncio.create_task(op.approve("Same?"))]
            both = await asyncio.to_thread(
                eventually, lambda: len(questions(gateway, op.id)) == 2 and questions(gateway, op.id)
            )
            for question, value in zip(both, (True, True), strict=True):
                await asyncio.to_thread(answer, gateway, question, value)
            return await asyncio.gather(*asking)

    assert asyncio.run(main()) == [True, True]


def test_a_new_process_goes_on_with_the_same_question_after_a_kill(
    gateway: Gateway, make_producer: Callable[..., milepost.Producer]
) -> None:
    """[P-PY-8][P-PY-10]"""
    process = script(
        """
        with producer.run("deploy", operation_id="py-ask", lease=1) as op:
            op.approve("Deploy to production?")
        """,
        gateway,
    )
    before = asked(gateway, "py-ask")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    eventually(lambda: gateway.state("py-ask")["status"] == "stalled")
    answer(gateway, before, False)
    with make_producer(gateway.url).run("deploy", operation_id="py-ask", lease=1) as op:
        assert op.approve("Deploy to production?") is False
    assert [one["id"] for one in questions(gateway, "py-ask")] == [before["id"]]


def test_a_question_is_still_there_when_the_gateway_comes_back(
    make_producer: Callable[..., milepost.Producer],
) -> None:
    """[P-PY-10]"""
    gateway = Gateway().start()
    run = make_producer(gateway.url).run("deploy")
    got: list[bool] = []

    def work() -> None:
        with run as op:
            got.append(op.approve("Deploy?"))

    worker = threading.Thread(target=work)
    worker.start()
    asked(gateway, run.operation_id)
    gateway.kill()
    gateway.start()
    answer(gateway, asked(gateway, run.operation_id), True)
    worker.join(20)
    assert got == [True] and run.delivered(10)
    gateway.kill()
