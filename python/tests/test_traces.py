"""Trace contexts of OpenTelemetry reach the gateway, with the real SDK and its exporter in memory."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry import propagate, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import milepost
from milepost.opentelemetry import trace_headers
from test_parts import vectors
from world import Gateway, eventually

MakeProducer = Callable[..., milepost.Producer]


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    """A gateway that traces without an SDK: it stores the trace contexts as they come."""
    with Gateway(config={"tracing": True}) as started:
        yield started


@pytest.fixture
def spans() -> Iterator[tuple[trace.Tracer, InMemorySpanExporter]]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield provider.get_tracer("test"), exporter
    provider.shutdown()


def traceparents(exporter: InMemorySpanExporter) -> dict[str, str]:
    """Returns the trace context of each finished span, by its name."""
    found = {}
    for span in exporter.get_finished_spans():
        context = span.get_span_context()
        assert context is not None
        found[span.name] = f"00-{context.trace_id:032x}-{context.span_id:016x}-01"
    return found


def received(gateway: Gateway, channel: str) -> list[dict[str, Any]]:
    """Returns the events that a reader of the channel receives from its start."""
    body = [{"type": "subscribe", "id": 1, "channel": channel, "since": "start"}]
    messages = gateway.call("POST", "/v1/poll", body)
    return [one for one in messages if one["type"] == "event"]


def test_creation_reports_and_publishes_carry_the_span_that_was_current(
    gateway: Gateway, make_producer: MakeProducer, spans: tuple[trace.Tracer, InMemorySpanExporter]
) -> None:
    """[P-PY-13] [P-TRC-1]"""
    tracer, exporter = spans
    producer = make_producer(gateway.url, headers=trace_headers)
    run = producer.run("import", operation_id="traced-op")
    with tracer.start_as_current_span("create"), run as op:
        # The report that the work has started goes with the next ones, unless it is delivered by then.
        assert run.created(10)
        eventually(lambda: gateway.state("traced-op").get("status") == "running")
        assert producer.publish("chat:traced", "note", {"n": 1}, key="k")["position"]
        with tracer.start_as_current_span("page"):
            op.info("a line")
    assert run.delivered(10)
    carried = {one["event"]: one.get("traceparent") for one in received(gateway, "operation:traced-op")}
    span = traceparents(exporter)
    assert carried["created"] == span["create"]
    assert carried["log"] == span["page"]
    [note] = received(gateway, "chat:traced")
    assert note["traceparent"] == span["create"]


def test_a_task_and_a_thread_report_their_own_spans(
    gateway: Gateway, make_producer: MakeProducer, spans: tuple[trace.Tracer, InMemorySpanExporter]
) -> None:
    """[P-PY-13]"""
    tracer, exporter = spans
    producer = make_producer(gateway.url, headers=trace_headers)

    async def work(name: str) -> None:
        with tracer.start_as_current_span(name):
            run = producer.run("task", operation_id=name)
            async with run as op:
                await asyncio.sleep(0)
                op.info("a line")
            assert await run.delivered_async()

    async def both() -> None:
        await asyncio.gather(work("task-1"), work("task-2"))

    thread = threading.Thread(target=lambda: asyncio.run(work("thread-1")))
    thread.start()
    asyncio.run(both())
    thread.join()
    span = traceparents(exporter)
    for name in ("task-1", "task-2", "thread-1"):
        assert {one.get("traceparent") for one in received(gateway, f"operation:{name}")} == {span[name]}


def test_without_a_span_or_with_headers_that_fail_everything_is_reported_without_a_trace(
    gateway: Gateway, make_producer: MakeProducer
) -> None:
    """[P-PY-13]"""

    def fails() -> dict[str, str]:
        raise RuntimeError("no")

    def hostile() -> dict[str, Any]:
        return {"traceparent": "00-\r\nX-Other: 1", "Authorization": "Bearer other", "Content-Length": "0", "n": 7}

    for name, headers in (("no-span", trace_headers), ("fails", fails), ("hostile", hostile)):
        producer = make_producer(gateway.url, headers=headers)
        run = producer.run("plain", operation_id=name)
        with run as op:
            op.info("a line")
        assert run.delivered(10)
        events = received(gateway, f"operation:{name}")
        assert [one["event"] for one in events if one["event"] in ("log", "done")] == ["log", "done"]
        assert all("traceparent" not in one for one in events)


def test_a_span_of_another_program_is_sent_as_the_vectors_say() -> None:
    """[P-PY-9] [P-TRC-1]"""
    from opentelemetry import context

    known = vectors("trace-context.json")["read"]
    assert {one["traceparent"] is None for one in known} == {True, False}
    for one in known:
        token = context.attach(propagate.extract({"traceparent": one["text"]}))
        try:
            assert trace_headers().get("traceparent") == one["traceparent"], one["text"]
        finally:
            context.detach(token)
