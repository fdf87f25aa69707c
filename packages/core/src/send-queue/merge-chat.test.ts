import { projectionEntry } from "@milepost/engine";
import { type ChatState, chatProjection } from "@milepost/model";
import type { Publication } from "@milepost/protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { defaultRules } from "../rules/default-rules.ts";
import { mergeWaiting } from "./merge-waiting.ts";

const rule = defaultRules.find(({ pattern }) => pattern === "chat:{chat}");
const before = { epoch: "e", offset: 0, tag: "0" };

function publication(event: string, data: unknown, i: number): Publication {
  return {
    channel: "chat:42",
    position: { epoch: "e", offset: i + 1, tag: `t${i + 1}` },
    event,
    json: JSON.stringify(data),
    ts: 1_000 + i,
  };
}

const anyLog = fc
  .array(
    fc.oneof(
      {
        weight: 8,
        arbitrary: fc
          .record({
            messageId: fc.constantFrom("a", "b"),
            content: fc.oneof(fc.string({ maxLength: 4 }), fc.constant("x".repeat(40_000))),
            isComplete: fc.nat(7).map((n) => n === 0),
          })
          .map((data) => ["chat_message_chunk", data] as const),
      },
      {
        weight: 1,
        arbitrary: fc.boolean().map((isActive) => ["agent_status_update", { isActive }] as const),
      },
      {
        weight: 1,
        arbitrary: fc.constant(["chat_message", { content: "hm", role: "user" }] as const),
      },
    ),
    { maxLength: 30, size: "max" },
  )
  .map((events) => events.map(([event, data], i) => publication(event, data, i)));

function fold(log: readonly Publication[], from?: ChatState): ChatState | undefined {
  return log.map(projectionEntry).reduce<ChatState | undefined>(chatProjection.reduce, from);
}

describe("chat pieces that wait for a slow reader", () => {
  test("[P-CHAT-3] [P-OUT-3] merged chat pieces, applied to a snapshot at any position, give the state of the whole log", () => {
    fc.assert(
      fc.property(anyLog, fc.nat(), fc.nat(), (log, cut, stall) => {
        const at = cut % (log.length + 1);
        const waits = at + (stall % (log.length - at + 1));
        const from = log[waits - 1]?.position ?? before;
        const merged = mergeWaiting(log.slice(waits), from, rule?.merge);
        const sent = [...log.slice(at, waits), ...merged];
        expect(fold(sent, fold(log.slice(0, at)))).toEqual(fold(log));
      }),
    );
  });

  test("[P-CHAT-3] adjacent chat pieces of one message become one piece, and pieces of two messages never do", () => {
    const pieces = [
      ...["a", "a", "b", "a", "a", "a"].map((messageId, i) => ({
        messageId,
        content: String(i),
        isComplete: i === 5,
      })),
    ].map((data, i) => publication("chat_message_chunk", data, i));
    const merged = mergeWaiting(pieces, before, rule?.merge);
    expect(merged.map(({ json }) => JSON.parse(json))).toEqual([
      { messageId: "a", content: "01", isComplete: false },
      { messageId: "b", content: "2", isComplete: false },
      { messageId: "a", content: "345", isComplete: true },
    ]);
  });
});
