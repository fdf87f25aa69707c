import { ManualClock } from "@milepost/engine/testing";
import type { Publication } from "@milepost/protocol";
import { expect, test } from "vitest";
import type { SpanStart, Tracer } from "../runtime/tracer.ts";
import { DeliverySpans } from "./delivery-spans.ts";

function recording() {
  const begun: SpanStart[] = [];
  let open = 0;
  const tracer: Tracer = {
    start(_name, start) {
      begun.push(start);
      open++;
      return {
        traceparent: undefined,
        set() {},
        end() {
          open--;
        },
      };
    },
  };
  return { tracer, begun, open: () => open };
}

function entry(offset: number, traceparent?: string): Publication {
  return {
    channel: "chat:1",
    position: { epoch: "e", offset, tag: "t" },
    event: "note",
    json: "1",
    ts: 0,
    ...(traceparent === undefined ? {} : { traceparent }),
  };
}

const contextOf = (n: number) => `00-${n.toString(16).padStart(32, "0")}-${"b".repeat(16)}-01`;

test("[P-TRC-7] a node begins a bounded number of spans of deliveries within a second, and more in the next", async () => {
  const clock = new ManualClock();
  const { tracer, begun, open } = recording();
  const spans = new DeliverySpans({ tracer, clock, node: "n", perSecond: 3 });
  const batch = Array.from({ length: 5 }, (_, i) => entry(i + 1, contextOf(i + 1)));
  spans.begin(batch, 10);
  expect(begun).toHaveLength(3);
  spans.replayed(batch);
  expect(begun).toHaveLength(3);
  spans.written();
  expect(open()).toBe(0);
  await clock.advance(1_000);
  spans.begin(batch.slice(0, 2), 1);
  expect(begun).toHaveLength(5);
});

test("[P-TRC-4] a delivery has no span where nobody receives it or the publish is not traced", () => {
  const { tracer, begun } = recording();
  const clock = new ManualClock();
  const spans = new DeliverySpans({ tracer, clock, node: "n", perSecond: 3 });
  spans.begin([entry(1, contextOf(1))], 0);
  spans.begin([entry(2)], 5);
  spans.replayed([entry(2)]);
  expect(begun).toEqual([]);
});

test("[P-TRC-5] the span of a replayed page links to 32 traces at most", () => {
  const { tracer, begun } = recording();
  const clock = new ManualClock();
  const spans = new DeliverySpans({ tracer, clock, node: "n", perSecond: 3 });
  spans.replayed(Array.from({ length: 100 }, (_, i) => entry(i + 1, contextOf(i + 1))));
  expect(begun).toMatchObject([
    {
      links: Array.from({ length: 32 }, (_, i) => contextOf(i + 1)),
      attributes: { "milepost.entries": 100 },
    },
  ]);
});
