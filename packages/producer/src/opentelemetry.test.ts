import { context, propagation, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { afterAll, beforeAll, expect, test } from "vitest";
import { httpGateway } from "./http-gateway.ts";
import { traceHeaders } from "./opentelemetry.ts";
import { createProducer } from "./producer.ts";

const exporter = new InMemorySpanExporter();

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(
    new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }),
  );
});
afterAll(() => {
  context.disable();
  propagation.disable();
  trace.disable();
});

/** A gateway that accepts everything and keeps the path and the traceparent of each request. */
function recordingGateway() {
  const requests: { path: string; traceparent: string | null }[] = [];
  const gateway = httpGateway({
    url: "http://gateway.test",
    apiKey: "key",
    headers: traceHeaders,
    fetch: async (input, init) => {
      const { pathname } = new URL(String(input));
      requests.push({
        path: pathname,
        traceparent: new Headers(init?.headers).get("traceparent"),
      });
      const { events = [] } = JSON.parse(String(init?.body ?? "{}")) as { events?: unknown[] };
      return Response.json({
        operation: {},
        lease: { token: "t", fence: 1, ttl_ms: 30_000 },
        results: pathname.endsWith("/publish") ? [{}] : events.map(() => ({})),
        commands: [],
      });
    },
  });
  return { requests, gateway };
}

test("creations, reports and publishes carry the caller's active span as traceparent", async () => {
  const { requests, gateway } = recordingGateway();
  const producer = createProducer({ gateway });
  await trace.getTracer("test").startActiveSpan("import", async (span) => {
    await producer.run({ kind: "index", operationId: "op" }, async (op) => {
      op.info("line");
      await gateway.publish("user:7", "note", {}, { key: "k" });
    });
    span.end();
  });
  await producer.close();
  const [span] = exporter.getFinishedSpans();
  expect(span?.name).toBe("import");
  const { traceId, spanId } = span?.spanContext() ?? {};
  const carried = requests.filter(({ path }) => !path.endsWith("/commands"));
  expect(new Set(carried.map(({ path }) => path))).toEqual(
    new Set(["/v1/operations", "/v1/operations/op/events", "/v1/publish"]),
  );
  for (const { traceparent } of carried) expect(traceparent).toBe(`00-${traceId}-${spanId}-01`);
});

test("without an active span no header is added, and a function for headers that throws changes nothing", async () => {
  const { requests, gateway } = recordingGateway();
  await gateway.publish("user:7", "note", {}, { key: "k" });
  expect(requests).toEqual([{ path: "/v1/publish", traceparent: null }]);
  const broken = httpGateway({
    url: "http://gateway.test",
    apiKey: "key",
    headers: () => {
      throw new Error("no");
    },
    fetch: async () => Response.json({ results: [{}] }),
  });
  await expect(broken.publish("user:7", "note", {}, { key: "k" })).resolves.toEqual({});
});
