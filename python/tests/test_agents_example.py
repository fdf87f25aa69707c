"""The example of agents, from end to end: the process of the work, a real gateway, and a person who watches and answers."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from test_faults import SOURCE
from test_questions import asked
from world import BUILT, KEY, ROOT, Gateway, eventually

CLI = ["node", str(BUILT / "packages/cli/dist/main.js")]
SECRET = "secret-of-the-python-tests-0123456789"


class Person:
    """Watches an operation through the command line, and answers with a token of its own."""

    def __init__(self, gateway: Gateway, user: str, operation: str) -> None:
        self._gateway = gateway
        self._env = {"PATH": os.environ["PATH"], "MILEPOST_TOKEN_SECRET": SECRET, "MILEPOST_URL": gateway.url}
        made = subprocess.run([*CLI, "token", "--user", user], env=self._env, capture_output=True, text=True, check=True)
        self.token = made.stdout.strip()
        arguments = [*CLI, "tail", f"operation:{operation}", "--url", gateway.url, "--json", "--since", "start"]
        self._process = subprocess.Popen(
            arguments, env={**self._env, "MILEPOST_TOKEN": self.token}, stdout=subprocess.PIPE, text=True
        )
        self.seen: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.seen.put(json.loads(line))

    def answer(self, question: dict[str, Any], value: Any) -> None:
        path = f"/v1/operations/{question['operation_id']}/questions/{question['id']}/answer"
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(
            f"{self._gateway.url}{path}", json.dumps({"answer": value}).encode(), headers, method="POST"
        )
        with urllib.request.urlopen(request, timeout=30) as answered:
            assert answered.status == 200

    def events_until(self, end: str) -> Iterator[dict[str, Any]]:
        while True:
            event = self.seen.get(timeout=30)
            yield event
            if event.get("event") == end:
                return

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


def start(gateway: Gateway, run: str, *more: str) -> subprocess.Popen[str]:
    arguments = [sys.executable, str(ROOT / "examples/agents-python/agents.py"), "Why is the sky blue?"]
    return subprocess.Popen(
        [*arguments, "--url", gateway.url, "--user", "7", "--run", run, "--lease", "1", *more],
        env={**os.environ, "PYTHONPATH": SOURCE, "MILEPOST_API_KEY": KEY},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_person_follows_several_agents_and_answers_their_question(gateway: Gateway) -> None:
    """[P-PY-1][P-PY-10]"""
    work = start(gateway, "sky-1", "--pace", "0.005")
    person = Person(gateway, "7", "sky-1")
    try:
        person.answer(asked(gateway, "sky-1"), True)
        events = list(person.events_until("done"))
    finally:
        person.close()
    output, _ = work.communicate(timeout=30)
    names = [event["event"] for event in events]
    assert names[0] == "created" and names[-1] == "done"
    assert {"step", "agent", "text", "question", "log"} <= set(names)
    state = gateway.state("sky-1")
    assert state["status"] == "done" and state["result"]["sources"] == ["encyclopedia", "papers", "news"]
    assert state["texts"]["answer"]["text"].strip() == state["result"]["answer"] == output.strip()
    assert [step["status"] for step in state["steps"]] == ["done"] * 4
    assert len(state["agents"]) == 5 and not any(agent["active"] for agent in state["agents"])


@pytest.mark.parametrize("value", [True])
def test_agents_that_were_killed_while_they_wait_go_on_with_the_same_question(gateway: Gateway, value: bool) -> None:
    """[P-PY-8][P-PY-10]"""
    first = start(gateway, "sky-2", "--pace", "0.001")
    question = asked(gateway, "sky-2")
    first.send_signal(signal.SIGKILL)
    first.communicate()
    eventually(lambda: gateway.state("sky-2")["status"] == "stalled")
    second = start(gateway, "sky-2", "--pace", "0.001")
    eventually(lambda: gateway.state("sky-2")["status"] == "running")
    assert asked(gateway, "sky-2")["id"] == question["id"]
    path = f"/v1/operations/sky-2/questions/{question['id']}/answer"
    assert gateway.call("POST", path, {"answer": value})
    second.communicate(timeout=30)
    assert second.returncode == 0
    state = gateway.state("sky-2")
    assert (state["status"], state["attempt"]) == ("done", 1)


def test_a_stop_ends_all_agents(gateway: Gateway) -> None:
    """[P-PY-5]"""
    work = start(gateway, "sky-3", "--pace", "0.001")
    asked(gateway, "sky-3")
    gateway.command("sky-3", "cancel", {"reason": "never mind"})
    output, _ = work.communicate(timeout=30)
    assert output.strip() == "stopped: never mind"
    assert gateway.state("sky-3")["status"] == "cancelled"
