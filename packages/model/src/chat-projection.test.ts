import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { chatBounds } from "./chat-event.ts";
import { type ChatState, chatProjection } from "./chat-projection.ts";
import type { ProjectionEntry } from "./projection.ts";
import { anyChatLog } from "./testing/any-chat-log.ts";

function entries(...events: readonly (readonly [string, unknown])[]): ProjectionEntry[] {
  return events.map(([event, data], i) => ({ event, data, ts: 1_000 + i, offset: i + 1 }));
}

function fold(log: readonly ProjectionEntry[], from?: ChatState): ChatState | undefined {
  return log.reduce<ChatState | undefined>(chatProjection.reduce, from);
}

const chunk = (messageId: string, content: string, isComplete = false) =>
  ["chat_message_chunk", { messageId, content, isComplete }] as const;

describe("chatProjection", () => {
  it("[P-CHAT-2] the chat state joins the pieces of each message, also of two messages written at once", () => {
    const state = fold(
      entries(
        ["chat_message", { id: "q", content: "Where to?", role: "user" }],
        chunk("a", "To the "),
        chunk("b", "Or the "),
        chunk("a", "sea"),
        chunk("b", "hills", true),
        chunk("a", "", true),
      ),
    );
    expect(state?.messages).toEqual([
      { id: "q", content: "Where to?", role: "user", isComplete: true, at: 1_000 },
      { id: "a", content: "To the sea", role: "assistant", isComplete: true, at: 1_005 },
      { id: "b", content: "Or the hills", role: "assistant", isComplete: true, at: 1_004 },
    ]);
  });

  it("[P-CHAT-2] the chat state has the agent's activity, and a message without an id gets one from its offset", () => {
    const state = fold(
      entries(
        ["agent_status_update", { isActive: true, progress: 40, currentTask: "looking" }],
        ["chat_message", { content: "hello", role: "user", attachments: [{ url: "x" }] }],
        ["user_typing", { userId: "7" }],
      ),
    );
    expect(state).toEqual({
      agent: { isActive: true, progress: 40, currentTask: "looking", at: 1_000 },
      messages: [
        {
          id: "@2",
          content: "hello",
          role: "user",
          attachments: [{ url: "x" }],
          isComplete: true,
          at: 1_001,
        },
      ],
    });
  });

  it("[P-CHAT-4] a complete message ignores further pieces, and a whole message replaces the one with its id", () => {
    const state = fold(
      entries(
        chunk("a", "one", true),
        chunk("a", " more"),
        chunk("b", "draft"),
        ["chat_message", { id: "b", content: "final", role: "assistant" }],
        chunk("b", " and more"),
      ),
    );
    expect(state?.messages.map(({ id, content }) => [id, content])).toEqual([
      ["a", "one"],
      ["b", "final"],
    ]);
  });

  it("[P-CHAT-2] the chat state keeps the latest 200 messages, 256 Ki characters in all, each at most 64 Ki", () => {
    const many = Array.from({ length: 250 }, (_, n) => chunk(`m${n}`, "x", true));
    const state = fold(entries(...many));
    expect(state?.messages).toHaveLength(chatBounds.messages);
    expect(state?.messages[0]?.id).toBe("m50");
    const piece = "y".repeat(10_000);
    const long = fold(entries(...Array.from({ length: 20 }, () => chunk("long", piece))), state);
    expect(long?.messages.at(-1)).toMatchObject({ truncated: true });
    expect(long?.messages.at(-1)?.content).toHaveLength(chatBounds.content);
    const wide = Array.from({ length: 8 }, (_, n) => [
      ["chat_message", { id: `w${n}`, role: "user", content: "z".repeat(60_000) }] as const,
    ]).flat();
    const full = fold(entries(...wide), long);
    expect(full?.messages.map(({ id }) => id)).toEqual(["w4", "w5", "w6", "w7"]);
  });

  it("[P-CHAT-3] a chat snapshot and the entries after it give the same state as the whole log", () => {
    fc.assert(
      fc.property(anyChatLog, fc.nat(), (log, cut) => {
        const at = cut % (log.length + 1);
        const before = fold(log.slice(0, at));
        const snapshot =
          before === undefined ? undefined : (JSON.parse(JSON.stringify(before)) as ChatState);
        expect(fold(log.slice(at), snapshot)).toEqual(fold(log));
      }),
    );
  });

  it("the chat state ignores data that does not belong to a chat, and no entry makes it fail", () => {
    const before = fold(entries(chunk("a", "one")));
    fc.assert(
      fc.property(
        fc.constantFrom("chat_message", "chat_message_chunk", "agent_status_update", "other"),
        fc.oneof(
          fc.jsonValue(),
          fc.record({ messageId: fc.jsonValue(), content: fc.constantFrom(1, null, {}) }),
        ),
        (event, data) => {
          const entry = { event, data, ts: 1, offset: 9 };
          expect(chatProjection.reduce(before, entry)).toBe(before);
          expect(chatProjection.reduce(undefined, entry)).toBeUndefined();
        },
      ),
    );
  });
});
