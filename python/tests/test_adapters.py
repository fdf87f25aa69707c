"""Progress bars, logging, Celery and LangGraph, each by its own package, report to a real gateway."""

from __future__ import annotations

import io
import logging
import threading
import time
from typing import Any, TypedDict

import pytest

import milepost
from world import Gateway, eventually


def test_records_of_logging_are_lines_of_the_log_that_people_read(
    gateway: Gateway, producer: milepost.Producer
) -> None:
    """[P-PY-11]"""
    logger = logging.getLogger("app")
    handler = milepost.LogHandler()
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        logger.info("outside of an operation")
        run = producer.run("index")
        with run:
            logger.info("read %d rows", 3)
            logger.warning("slow")
            try:
                raise OSError("disk")
            except OSError:
                logger.exception("broken")
            logging.getLogger("milepost").warning("not this one")
    finally:
        logger.removeHandler(handler)
    assert run.delivered(10)
    lines = gateway.state(run.operation_id)["log"]
    assert [(line["level"], line["message"]) for line in lines] == [
        ("info", "read 3 rows"), ("warning", "slow"), ("error", "broken"),
    ]  # fmt: skip
    assert lines[2]["data"] == {"exception": "OSError", "message": "disk"}


def test_a_bar_of_tqdm_is_a_step_that_people_see(gateway: Gateway, producer: milepost.Producer) -> None:
    """[P-PY-11]"""
    bars = pytest.importorskip("milepost.tqdm")
    run = producer.run("index")
    with run:
        for _ in bars.tqdm(range(200), step="scan", unit="files", desc="Scan", file=io.StringIO()):
            pass
        with bars.tqdm(total=10, file=io.StringIO(), step="half") as bar:
            bar.update(5)
        assert list(bars.tqdm([1, 2], disable=True)) == [1, 2]
    assert run.delivered(10)
    steps = gateway.state(run.operation_id)["steps"]
    assert steps[0]["status"] == "done" and steps[0]["counter"] == {"done": 200, "total": 200, "unit": "files"}
    assert steps[1]["percent"] == 100 and steps[1]["counter"]["done"] == 5


def test_tasks_of_a_display_of_rich_are_steps(gateway: Gateway, producer: milepost.Producer) -> None:
    """[P-PY-11]"""
    column = pytest.importorskip("milepost.rich").MilepostColumn
    from rich.console import Console
    from rich.progress import Progress

    run = producer.run("index")
    with run as op, Progress(column(op), console=Console(file=io.StringIO())) as display:
        task = display.add_task("copy", total=4)
        for _ in range(4):
            display.advance(task)
    assert run.delivered(10)
    step = gateway.state(run.operation_id)["steps"][0]
    assert (step["id"], step["status"], step["counter"]) == ("copy", "done", {"done": 4, "total": 4})


class Graph(TypedDict):
    text: str


def test_nodes_of_langgraph_are_steps_and_their_tokens_are_read(
    gateway: Gateway, producer: milepost.Producer
) -> None:
    """[P-PY-11]"""
    callback = pytest.importorskip("milepost.langchain").MilepostCallback
    from langchain_core.language_models import GenericFakeChatModel
    from langchain_core.messages import AIMessage
    from langchain_core.tools import tool
    from langgraph.graph import END, START, StateGraph

    @tool
    def look_up(word: str) -> str:
        """Looks a word up."""
        return f"{word} is a word"

    def think(state: Graph) -> Graph:
        model = GenericFakeChatModel(messages=iter([AIMessage(content="a long answer")]))
        parts = [chunk.content for chunk in model.stream(state["text"])]
        return {"text": "".join(str(part) for part in parts)}

    def act(state: Graph) -> Graph:
        return {"text": look_up.invoke({"word": state["text"]})}

    def fail(state: Graph) -> Graph:
        raise ValueError("no more")

    graph: Any = StateGraph(Graph)
    for name, node in (("think", think), ("act", act)):
        graph.add_node(name, node)
    graph.add_edge(START, "think")
    graph.add_edge("think", "act")
    graph.add_edge("act", END)
    run = producer.run("agent")
    with run as op:
        out = graph.compile().invoke({"text": "hi"}, config={"callbacks": [callback(op)]})
    assert out["text"] == "a long answer is a word" and run.delivered(10)
    state = gateway.state(run.operation_id)
    assert [(step["id"], step["status"]) for step in state["steps"]] == [("think", "done"), ("act", "done")]
    assert state["texts"]["think"]["text"] == "a long answer"
    assert [agent["id"] for agent in state["agents"]] == ["think", "act"]

    broken: Any = StateGraph(Graph)
    broken.add_node("fail", fail)
    broken.add_edge(START, "fail")
    run = producer.run("agent")
    with pytest.raises(ValueError), run as op:
        broken.compile().invoke({"text": "hi"}, config={"callbacks": [callback(op)]})
    assert run.delivered(10)
    state = gateway.state(run.operation_id)
    assert state["status"] == "failed" and state["steps"][0]["status"] == "failed"


def test_retries_of_a_task_of_celery_are_attempts_of_one_operation(
    gateway: Gateway, producer: milepost.Producer
) -> None:
    """[P-PY-11]"""
    tasks_of = pytest.importorskip("milepost.celery").Tasks
    from celery import Celery

    app = Celery("test", broker="memory://", backend="cache+memory://")
    app.conf.task_always_eager = True
    tasks = tasks_of(producer, lambda task, args, kwargs: {"user": kwargs.get("user"), "title": "Add"})
    seen: list[int] = []

    @app.task(base=tasks.Task, bind=True, max_retries=2)  # type: ignore[misc,unused-ignore]
    def add(self: Any, a: int, b: int, user: str | None = None) -> int:
        op = milepost.current()
        assert op is not None and self.operation is op
        op.info(f"attempt {self.request.retries + 1}")
        seen.append(self.request.retries)
        if len(seen) < 3:
            raise self.retry(exc=OSError("busy"), countdown=0)
        return a + b

    result = add.apply_async((2, 3), {"user": "7"})
    assert result.get() == 5 and seen == [0, 1, 2]
    state = eventually(lambda: (s := gateway.state(result.id)).get("status") == "done" and s)
    assert (state["attempt"], state["result"], state["title"], state["user_id"]) == (3, 5, "Add", "7")
    # Celery runs these attempts inside each other. Each has a handle of its own, so only the order within an attempt is promised.
    assert sorted(line["message"] for line in state["log"]) == ["attempt 1", "attempt 2", "attempt 3"]


def test_a_task_of_celery_that_people_stop_is_cancelled_and_not_retried(
    gateway: Gateway, producer: milepost.Producer
) -> None:
    """[P-PY-11]"""
    tasks_of = pytest.importorskip("milepost.celery").Tasks
    from celery import Celery

    app = Celery("test", broker="memory://", backend="cache+memory://")
    app.conf.task_always_eager = True
    tasks = tasks_of(producer)

    @app.task(base=tasks.Task, bind=True)  # type: ignore[misc,unused-ignore]
    def endless(self: Any) -> None:
        while True:
            self.operation.pause_point()
            time.sleep(0.005)

    def stop() -> None:
        eventually(lambda: gateway.state("py-celery").get("status") == "running")
        gateway.command("py-celery", "cancel")

    threading.Thread(target=stop).start()
    endless.apply_async(task_id="py-celery")
    eventually(lambda: gateway.state("py-celery")["status"] == "cancelled")
