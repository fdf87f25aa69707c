import { trace } from "@opentelemetry/api";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  ParentBasedSampler,
  type ReadableSpan,
  SimpleSpanProcessor,
  TraceIdRatioBasedSampler,
} from "@opentelemetry/sdk-trace-base";
import { afterAll, beforeEach, expect, test } from "vitest";
import { openTelemetryTracer } from "./opentelemetry.ts";
import { startGateway } from "./testing/test-gateway.ts";

const exporter = new InMemorySpanExporter();
const traceId = "0af7651916cd43dd8448eb211c80319c";
const traceparent = `00-${traceId}-b7ad6b7169203331-01`;
const headers = { traceparent };
/** Records what a caller has sampled, and begins no trace by itself. */
const sampler = new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(0) });

trace.setGlobalTracerProvider(
  new BasicTracerProvider({ sampler, spanProcessors: [new SimpleSpanProcessor(exporter)] }),
);
beforeEach(() => exporter.reset());
afterAll(() => trace.disable());

/** Returns the recorded spans with this name, once there are as many as that. */
async function spans(name: string, count: number): Promise<readonly ReadableSpan[]> {
  const found = () => exporter.getFinishedSpans().filter((span) => span.name === name);
  await expect.poll(() => found().length).toBe(count);
  return found();
}

const idOf = (span: ReadableSpan | undefined) => span?.spanContext().spanId;
const start = () => startGateway({ tracer: openTelemetryTracer() });

test("[P-TRC-1] [P-TRC-2] [P-TRC-4] a publish over HTTP, its append and its delivery are spans of the publisher's trace, and the reader receives it", async () => {
  await using server = await start();
  const socket = await server.socket("/ws", { subprotocols: ["milepost.v1.json"] });
  await socket.ask({ type: "subscribe", id: 1, channel: "chat:1" });
  const body = { channel: "chat:1", event: "note", data: 1 };
  await server.call("POST", "/v1/publish", { body, headers });
  const event = await socket.nextOf("event");
  const [publish] = await spans("milepost.publish", 1);
  const [append] = await spans("milepost.append", 1);
  const [deliver] = await spans("milepost.deliver", 1);
  expect(event.traceparent).toBe(`00-${traceId}-${idOf(publish)}-01`);
  expect(publish?.parentSpanContext?.spanId).toBe("b7ad6b7169203331");
  for (const below of [append, deliver]) {
    expect(below?.spanContext().traceId).toBe(traceId);
    expect(below?.parentSpanContext?.spanId).toBe(idOf(publish));
  }
  expect(publish?.attributes).toMatchObject({
    "messaging.destination.name": "chat:1",
    "milepost.event": "note",
    "milepost.publisher": "service:test",
    "milepost.position": event.position,
  });
  expect(deliver?.attributes).toMatchObject({ "milepost.subscribers": 1 });
});

test("[P-TRC-5] a subscriber that resumes has a span that links to the traces of the entries it had missed", async () => {
  await using server = await start();
  const body = { channel: "chat:1", event: "note", data: 1 };
  await server.call("POST", "/v1/publish", { body, headers });
  const socket = await server.socket("/ws", { subprotocols: ["milepost.v1.json"] });
  await socket.ask({ type: "subscribe", id: 1, channel: "chat:1", since: "start" });
  const event = await socket.nextOf("event");
  const [publish] = await spans("milepost.publish", 1);
  expect(event.traceparent).toBe(`00-${traceId}-${idOf(publish)}-01`);
  // The span of a replay begins a trace of its own, which this sampler leaves out, so the links are looked at below.
  expect(exporter.getFinishedSpans().some(({ name }) => name === "milepost.deliver")).toBe(false);

  trace.disable();
  const all = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  trace.setGlobalTracerProvider(all);
  try {
    await using again = await start();
    await again.call("POST", "/v1/publish", { body, headers });
    const late = await again.socket("/ws", { subprotocols: ["milepost.v1.json"] });
    await late.ask({ type: "subscribe", id: 1, channel: "chat:1", since: "start" });
    const { traceparent: its } = await late.nextOf("event");
    const [deliver] = await spans("milepost.deliver", 1);
    expect(deliver?.attributes).toMatchObject({ "milepost.replayed": true });
    expect(deliver?.links.map(({ context }) => context)).toMatchObject([
      { traceId, spanId: its.slice(36, 52) },
    ]);
  } finally {
    trace.disable();
    trace.setGlobalTracerProvider(
      new BasicTracerProvider({ sampler, spanProcessors: [new SimpleSpanProcessor(exporter)] }),
    );
  }
});

test("[P-TRC-1] a publish in a WebSocket message belongs to the trace that the message names", async () => {
  await using server = await start();
  const socket = await server.socket("/ws", { subprotocols: ["milepost.v1.json"] });
  await socket.ask({ type: "subscribe", id: 1, channel: "chat:1" });
  const message = { type: "publish", channel: "chat:1", event: "note", data: 1 };
  socket.send({ ...message, traceparent });
  expect((await socket.nextOf("event")).traceparent).toContain(traceId);
  socket.send({ ...message, traceparent: "nonsense" });
  expect(await socket.nextOf("event")).not.toHaveProperty("traceparent");
});

test("[P-TRC-6] reports, commands, questions and their answers are spans, and their events carry the context", async () => {
  await using server = await start();
  const created = await server.call("POST", "/v1/operations", {
    body: { operation_id: "9", kind: "export", user_id: "7" },
    headers,
  });
  const { token } = created.body.lease;
  const report = { lease: token, events: [{ event: "started", data: {} }] };
  await server.call("POST", "/v1/operations/9/events", { body: report, headers });
  const [begun, reported] = await spans("milepost.publish", 2);
  await server.call("POST", "/v1/operations/9/commands", { body: { command: "pause" }, headers });
  const [command] = await spans("milepost.command", 1);
  const asked = await server.call("POST", "/v1/operations/9/questions", {
    body: { kind: "approve", prompt: "Go on?" },
    headers,
  });
  const { id } = asked.body.question;
  expect(asked.body.question).not.toHaveProperty("asked_in");
  const other = { traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01` };
  await server.call("POST", `/v1/operations/9/questions/${id}/answer`, {
    body: { answer: true },
    headers: other,
  });
  const [question, answer] = await spans("milepost.question", 2);
  expect(question?.spanContext().traceId).toBe(traceId);
  expect(answer?.spanContext().traceId).toBe("a".repeat(32));
  expect(answer?.links.map(({ context }) => context.spanId)).toEqual([idOf(question)]);

  const socket = await server.socket("/ws", { subprotocols: ["milepost.v1.json"] });
  await socket.ask({ type: "subscribe", id: 1, channel: "operation:9", since: "start" });
  const carried = new Map<string, string>();
  while (!carried.has("question:answered")) {
    const { event, data, traceparent: its } = await socket.nextOf("event");
    carried.set(data.phase === undefined ? event : `${event}:${data.phase}`, its ?? "");
  }
  const below = (span: ReadableSpan | undefined) => expect.stringContaining(idOf(span) ?? "none");
  expect(Object.fromEntries(carried)).toMatchObject({
    created: below(begun),
    started: below(reported),
    "command:requested": below(command),
    "question:asked": below(question),
    "question:answered": below(answer),
  });
});

test("[P-TRC-2] a failed publish ends its span with the code of the error", async () => {
  await using server = await start();
  const body = { channel: "chat:1", event: "not a name!", data: 1 };
  await server.call("POST", "/v1/publish", { body, headers });
  const [publish] = await spans("milepost.publish", 1);
  expect(publish?.attributes).toMatchObject({ "error.type": "invalid_event" });
});

test("[P-LOG-4] an audit line names the trace of its request", async () => {
  const lines: Record<string, unknown>[] = [];
  const log = { info: (line: Record<string, unknown>) => lines.push(line), warn() {}, error() {} };
  await using server = await startGateway({ tracer: openTelemetryTracer(), log: log as never });
  await server.call("DELETE", "/v1/channels/chat:1", { headers });
  expect(lines).toMatchObject([
    { event: "audit", action: "channels.purge", trace_id: traceId, span_id: "b7ad6b7169203331" },
  ]);
  await server.call("DELETE", "/v1/channels/chat:1");
  expect(lines[1]).not.toHaveProperty("trace_id");
});

test("[P-TRC-1] a trace that its caller does not record leaves nothing in the entry", async () => {
  await using server = await start();
  const socket = await server.socket("/ws", { subprotocols: ["milepost.v1.json"] });
  await socket.ask({ type: "subscribe", id: 1, channel: "chat:1" });
  const body = { channel: "chat:1", event: "note", data: 1 };
  const unsampled = { traceparent: `00-${traceId}-b7ad6b7169203331-00` };
  await server.call("POST", "/v1/publish", { body, headers: unsampled });
  await server.call("POST", "/v1/publish", { body });
  expect(await socket.nextOf("event")).not.toHaveProperty("traceparent");
  expect(await socket.nextOf("event")).not.toHaveProperty("traceparent");
  expect(exporter.getFinishedSpans()).toEqual([]);
});

test("[P-TRC-1] a gateway without a tracer ignores the trace contexts of requests", async () => {
  await using server = await startGateway();
  const socket = await server.socket("/ws", { subprotocols: ["milepost.v1.json"] });
  await socket.ask({ type: "subscribe", id: 1, channel: "chat:1" });
  const body = { channel: "chat:1", event: "note", data: 1 };
  await server.call("POST", "/v1/publish", { body, headers });
  expect(await socket.nextOf("event")).not.toHaveProperty("traceparent");
  expect(exporter.getFinishedSpans()).toEqual([]);
});
