"""The examples of the README run as they stand."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import AsyncIterator
from typing import Any

import milepost
from test_questions import answer, asked
from world import KEY, ROOT, Gateway, eventually


async def model(question: str) -> AsyncIterator[str]:
    for token in ("It is ", "the ", question):
        yield token


def test_the_examples_of_the_readme_do_what_they_say(gateway: Gateway) -> None:
    """[P-PY-1]"""
    text = (ROOT / "python/README.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) >= 2
    thoughts: list[Any] = []
    world: dict[str, Any] = {"api_key": KEY, "orders": [1, 2, 3], "rows": [], "model": model}
    world |= {"set_level": print, "think": lambda data, _: thoughts.append(data)}
    gateway.call("PUT", "/v1/queues/preview", {"capacity": 1})

    def answers() -> None:
        path = "/v1/operations?kind=deploy&user=7&status=running"
        deploy = eventually(lambda: gateway.call("GET", path)["operations"])[0]
        operation = deploy["operation_id"]
        answer(gateway, asked(gateway, operation), True)
        answer(gateway, asked(gateway, operation, 2), "eu")

    def messages() -> None:
        path = "/v1/operations?kind=chat&user=7&status=running"
        chat = eventually(lambda: gateway.call("GET", path)["operations"])[0]["operation_id"]
        gateway.call("POST", f"/v1/operations/{chat}/inputs", {"data": "thanks"})

    threading.Thread(target=answers).start()
    threading.Thread(target=messages).start()
    for block in blocks:
        exec(block.replace("http://127.0.0.1:8787", gateway.url), world)
    asyncio.run(world["answer"]("answer"))
    producer: milepost.Producer = world["producer"]
    assert producer.close()
    found = {one["kind"]: one for one in gateway.call("GET", "/v1/operations?user=7")["operations"]}
    assert {found[kind]["status"] for kind in ("export", "agent", "deploy")} == {"done"}
    agent = gateway.state(found["agent"]["operation_id"])
    assert agent["texts"]["answer"]["text"] == "It is the answer"
    assert world["rows"] == [1, 2, 3] and thoughts == ["thanks"]
