"""The gateway is slow, gone, killed and back: the work notices nothing, and what was reported arrives once and in order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import milepost
from world import KEY, Gateway, Proxy, eventually, free_port, has_redis, redis_server

Make = Callable[..., milepost.Producer]
SOURCE = str(Path(milepost.__file__).resolve().parents[1])


def lines_of(gateway: Gateway, operation: str) -> list[str]:
    return [entry["data"]["message"] for entry in gateway.log(operation) if entry["event"] == "log"]


def test_work_without_a_gateway_ends_as_fast_as_without_reporting(make_producer: Make) -> None:
    """[P-PY-2]"""
    producer = make_producer(f"http://127.0.0.1:{free_port()}", closing_flush=0.3)
    run = producer.run("index")
    with run as op:
        for item in op.track(range(20_000), "scan"):
            op.info(f"line {item}")
        assert not op.cancelled
    assert run.delivered(5) is False


def test_a_gateway_that_never_answers_holds_up_no_caller(gateway: Gateway, make_producer: Make) -> None:
    """[P-PY-2]"""
    proxy = Proxy(gateway.port)
    proxy.is_silent = True
    producer = make_producer(proxy.url, timeout=0.5, closing_flush=0.5)
    run = producer.run("index")
    with run as op:
        assert run.created(0.1) is False
        for number in range(10_000):
            op.info(f"line {number}")
    assert run.delivered(5) is False
    proxy.close()


def test_answers_that_are_late_or_lost_make_no_report_arrive_twice(gateway: Gateway, make_producer: Make) -> None:
    """[P-PY-3]"""
    proxy = Proxy(gateway.port)
    proxy.delay = 0.02
    producer = make_producer(proxy.url, flush_interval=0.005)
    run = producer.run("index")
    with run as op:
        assert run.created(10)
        for number in range(300):
            if number % 60 == 0:
                proxy.lose_answers = 2
            if number % 50 == 10:
                proxy.cut()
            op.info(f"line {number}")
            op.pause_point()
            time.sleep(0.001)
        op.result("all")
    assert run.delivered(20)
    assert lines_of(gateway, run.operation_id) == [f"line {number}" for number in range(300)]
    assert gateway.state(run.operation_id)["status"] == "done"
    proxy.close()


def test_a_gateway_in_memory_that_is_killed_and_started_again_learns_of_the_work_again(make_producer: Make) -> None:
    """[P-PY-3]"""
    gateway = Gateway().start()
    producer = make_producer(gateway.url)
    run = producer.run("index", title="Index", steps=["scan"])
    with run as op:
        with op.step("scan") as step:
            eventually(lambda: gateway.state(op.id).get("current_step") == "scan")
            gateway.kill()
            for number in range(100):
                step.info(f"during {number}")
            gateway.start()
        op.result(1)
    assert run.delivered(20)
    state = gateway.state(run.operation_id)
    assert (state["status"], state["title"], state["attempt"]) == ("done", "Index", 1)
    assert lines_of(gateway, run.operation_id) == [f"during {number}" for number in range(100)]
    gateway.kill()


@pytest.mark.skipif(not has_redis(), reason="there is no redis-server")
def test_reports_survive_kills_of_the_gateway_over_redis_once_and_in_order(make_producer: Make) -> None:
    """[P-PY-3]"""
    with redis_server() as redis:
        gateway = Gateway(redis=redis).start()
        producer = make_producer(gateway.url, closing_flush=20)
        run = producer.run("index", lease=60)
        total = 600
        with run as op:
            assert run.created(10)
            for number in range(total):
                op.info(f"line {number}")
                if number in (200, 400):
                    gateway.kill()
                    threading.Thread(target=gateway.start).start()
                time.sleep(0.002)
        assert run.delivered(30)
        assert lines_of(gateway, run.operation_id) == [f"line {number}" for number in range(total)]
        assert gateway.state(run.operation_id)["status"] == "done"
        gateway.kill()


def script(body: str, gateway: Gateway) -> subprocess.Popen[str]:
    """Runs a program that has a ``producer``, as a process of its own."""
    head = f"""
        import os, signal, sys, threading, time
        import milepost
        producer = milepost.Producer({gateway.url!r}, {KEY!r})
    """
    text = textwrap.dedent(head) + textwrap.dedent(body)
    return subprocess.Popen(
        [sys.executable, "-c", text],
        env={**os.environ, "PYTHONPATH": SOURCE},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_process_that_ends_delivers_its_last_reports(gateway: Gateway) -> None:
    """[P-PY-6]"""
    process = script(
        """
        with producer.run("index", operation_id="py-exit") as op:
            for number in range(1_000):
                op.info(f"line {number}")
        """,
        gateway,
    )
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")
    assert gateway.state("py-exit")["status"] == "done"
    assert len(lines_of(gateway, "py-exit")) == 1_000


def test_a_process_without_a_gateway_ends_within_the_time_of_its_last_flush(gateway: Gateway) -> None:
    """[P-PY-6]"""
    process = script(
        f"""
        producer = milepost.Producer("http://127.0.0.1:{free_port()}", "key", closing_flush=0.2)
        with producer.run("index") as op:
            op.info("nobody hears it")
        ending = time.monotonic()
        import atexit
        atexit._run_exitfuncs()
        assert time.monotonic() - ending < 5
        """,
        gateway,
    )
    process.communicate(timeout=30)
    assert process.returncode == 0


def test_a_thread_that_the_exit_of_its_process_ends_is_shown_as_failed(gateway: Gateway) -> None:
    """[P-PY-6]"""
    process = script(
        """
        run = producer.run("index", operation_id="py-daemon")
        def work():
            with run as op:
                time.sleep(60)
        threading.Thread(target=work, daemon=True).start()
        while run._tracked is None: time.sleep(0.01)
        run.created(10)
        """,
        gateway,
    )
    process.communicate(timeout=30)
    state = gateway.state("py-daemon")
    assert state["status"] == "failed" and state["error"]["code"] == "shutting_down"


def test_the_child_of_a_fork_reports_its_own_work_and_leaves_that_of_its_parent_alone(gateway: Gateway) -> None:
    """[P-PY-7]"""
    process = script(
        """
        with producer.run("parent", operation_id="py-parent") as op:
            for number in range(50):
                op.info("before the fork")
            children = []
            for child in range(4):
                pid = os.fork()
                if pid == 0:
                    op.info("from a child: nobody hears it")
                    run = producer.run("child", operation_id=f"py-child-{child}")
                    with run as mine:
                        mine.info("from the child")
                    os._exit(0 if run.delivered(20) else 1)
                children.append(pid)
            assert all(os.waitpid(pid, 0)[1] == 0 for pid in children)
            op.info("after the fork")
        """,
        gateway,
    )
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert lines_of(gateway, "py-parent") == ["before the fork"] * 50 + ["after the fork"]
    assert gateway.state("py-parent")["status"] == "done"
    for child in range(4):
        assert gateway.state(f"py-child-{child}")["status"] == "done"
        assert lines_of(gateway, f"py-child-{child}") == ["from the child"]


def test_a_signal_handler_reports_in_the_middle_of_a_report(gateway: Gateway) -> None:
    """[P-PY-7]"""
    process = script(
        """
        with producer.run("index", operation_id="py-signal") as op:
            signal.signal(signal.SIGALRM, lambda *_: op.info("from the handler"))
            signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
            until = time.monotonic() + 1
            count = 0
            while time.monotonic() < until:
                op.progress(count, 1_000_000)
                op.text("t").append("x")
                count += 1
            signal.setitimer(signal.ITIMER_REAL, 0)
        """,
        gateway,
    )
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert gateway.state("py-signal")["status"] == "done"
    assert lines_of(gateway, "py-signal")


def test_killed_work_stalls_within_its_lease_and_a_new_process_goes_on_with_it(
    gateway: Gateway, make_producer: Make
) -> None:
    """[P-PY-8]"""
    process = script(
        """
        with producer.run("index", operation_id="py-kill", lease=1, steps=["scan"]) as op:
            with op.step("scan"):
                op.info("first life")
                time.sleep(60)
        """,
        gateway,
    )
    eventually(lambda: gateway.state("py-kill").get("log_total") == 1)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    eventually(lambda: gateway.state("py-kill")["status"] == "stalled")
    run = make_producer(gateway.url).run("index", operation_id="py-kill", lease=1, steps=["scan"])
    with run as op:
        assert run.created(10) and op.attempt == 1
        op.info("second life")
    assert run.delivered(10)
    state = gateway.state("py-kill")
    assert (state["status"], state["attempt"]) == ("done", 1)
    assert lines_of(gateway, "py-kill") == ["first life", "second life"]
    # Once it has ended, another run is its next attempt.
    again = make_producer(gateway.url).run("index", operation_id="py-kill", lease=1)
    with again as op:
        assert again.created(10) and op.attempt == 2
    assert again.delivered(10) and gateway.state("py-kill")["attempt"] == 2


def test_work_that_another_producer_took_over_is_told_to_end(gateway: Gateway, producer: milepost.Producer) -> None:
    """[P-PY-8] [P-OP-17]"""
    run = producer.run("index")
    with pytest.raises(milepost.Cancelled) as caught, run as op:
        assert run.created(10)
        gateway.call("POST", f"/v1/operations/{op.id}/lease", {"worker": "worker-2"})
        while True:
            op.info("still here")
            op.pause_point()
            time.sleep(0.005)
    assert caught.value.code == "stale_lease"
    assert "worker-2 holds the lease" in caught.value.message
    assert caught.value.held_by is not None and caught.value.held_by["worker"] == "worker-2"
    assert abs(caught.value.held_by["since"] / 1_000 - time.time()) < 60


def test_a_loop_that_closes_while_its_operation_runs_breaks_nothing(gateway: Gateway, producer: milepost.Producer) -> None:
    """[P-PY-7]"""
    import asyncio

    loop = asyncio.new_event_loop()
    run = producer.run("agent")

    async def begin() -> milepost.AsyncOperation:
        return await run.__aenter__()

    op = loop.run_until_complete(begin())
    loop.close()
    assert run.created(10)
    gateway.command(op.id, "cancel")
    assert op.cancelled.wait(10)
    op.info("after the loop")
    run.__exit__(None, None, None)
    assert run.delivered(10) and gateway.state(op.id)["status"] == "done"
