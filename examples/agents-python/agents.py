"""Several agents answer a question together: a planner, researchers at the same time, and a writer.

    MILEPOST_API_KEY=… python agents.py "Why is the sky blue?" --user 7 --run sky

People see who works on what, read the answer while it is written, approve the plan in the middle, and may pause or stop
everything. Killed and started again with the same ``--run``, the workflow goes on with the same question to people.
The model is a stand-in that needs no network; put your own in the place of ``model``.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
from collections.abc import AsyncIterator

import milepost

SOURCES = ("encyclopedia", "papers", "news")


async def model(prompt: str, pace: float) -> AsyncIterator[str]:
    """Yields the tokens of an answer, as a language model would."""
    seed = hashlib.sha256(prompt.encode()).hexdigest()
    words = f"About {prompt!r}: " + " ".join(f"finding-{seed[at : at + 4]}" for at in range(0, 32, 4))
    for word in words.split(" "):
        await asyncio.sleep(pace)
        yield f"{word} "


async def plan(op: milepost.AsyncOperation, question: str, pace: float) -> list[str]:
    """Decides what to look up, and asks people whether that is what they want."""
    op.agent("planner", name="Planner", tasks=[f"plans how to answer {question!r}"])
    async with op.step("plan", "Make a plan") as step:
        async for _ in op.stream(model(f"a plan for {question}", pace), "plan"):
            await op.pause_point()
        step.info("the plan is ready", {"sources": list(SOURCES)})
    op.agent("planner", active=False)
    wanted: list[str] = []
    async with op.step("approve", "Wait for a person"):
        if await op.approve(f"Look this up in {len(SOURCES)} sources?", key="plan"):
            wanted = list(SOURCES)
        else:
            only = await op.choose("Which source alone?", list(SOURCES), key="source")
            wanted = [only]
    return wanted


async def research(op: milepost.AsyncOperation, question: str, source: str, pace: float) -> str:
    """Reads one source. Several researchers work at the same time."""
    agent = f"researcher-{source}"
    op.agent(agent, name=f"Researcher of {source}", tasks=[f"reads {source}"], progress=0)
    notes: list[str] = []
    count = 0
    async for token in op.stream(model(f"{question} in {source}", pace), agent):
        await op.pause_point()
        count += 1
        op.agent(agent, progress=min(99, count * 10))
        notes.append(token)
    op.log(f"{source} has been read", level="success", agent=agent, step="research")
    op.agent(agent, active=False, progress=100)
    return "".join(notes)


async def work(producer: milepost.Producer, options: argparse.Namespace) -> dict[str, object]:
    """Runs the whole workflow as one operation."""
    question: str = options.question
    steps = [{"id": "plan"}, {"id": "approve", "weight": 0}, {"id": "research", "weight": 3}, {"id": "write", "weight": 2}]
    async with producer.run(
        "agents",
        title=f"Answer: {question}",
        user=options.user,
        input={"question": question},
        steps=steps,
        operation_id=options.run,
        lease=options.lease,
    ) as op:
        sources = await plan(op, question, options.pace)
        async with op.step("research", "Read the sources", total=len(sources), unit="sources") as step:

            async def read(source: str) -> str:
                notes = await research(op, question, source, options.pace)
                step.advance()
                return notes

            async with asyncio.TaskGroup() as group:
                readers = [group.create_task(read(source)) for source in sources]
            notes = [reader.result() for reader in readers]
        op.agent("writer", name="Writer", tasks=["writes the answer"])
        async with op.step("write", "Write the answer"):
            parts = [
                token
                async for token in op.stream(model(" and ".join(notes), options.pace), "answer")
            ]
        op.agent("writer", active=False)
        result: dict[str, object] = {"answer": "".join(parts).strip(), "sources": sources}
        op.result(result)
        return result


async def main() -> None:
    """Reads the command line, and ends once everything was delivered."""
    parser = argparse.ArgumentParser()
    parser.add_argument("question")
    parser.add_argument("--url", default=os.environ.get("MILEPOST_URL", "http://127.0.0.1:8787"))
    parser.add_argument("--user", default="demo")
    parser.add_argument("--run", help="id of the operation; the same one goes on where a killed process ended")
    parser.add_argument("--lease", type=float, default=10, help="seconds of silence after which people see it")
    parser.add_argument("--pace", type=float, default=0.05, help="seconds for each token of the model")
    options = parser.parse_args()
    async with milepost.Producer(options.url, os.environ.get("MILEPOST_API_KEY", "")) as producer:
        try:
            result = await work(producer, options)
        except milepost.Cancelled as cancelled:
            print(f"stopped: {cancelled.message}")
        else:
            print(result["answer"])


if __name__ == "__main__":
    asyncio.run(main())
