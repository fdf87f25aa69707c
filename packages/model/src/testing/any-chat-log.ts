import fc from "fast-check";
import { chatBounds } from "../chat-event.ts";
import type { ProjectionEntry } from "../projection.ts";

const id = fc.constantFrom("a", "b", "c");

/** Mostly short texts. Some are long enough to reach the bounds, so that cuts fall inside surrogate pairs. */
const text = fc.oneof(
  { weight: 8, arbitrary: fc.string({ maxLength: 5 }) },
  { weight: 2, arbitrary: fc.constantFrom("😀", "a😀", "") },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "😀".repeat(chatBounds.content / 4),
      "x".repeat(chatBounds.content - 1),
    ),
  },
);

const chunk = fc.record(
  {
    messageId: id,
    content: text,
    isComplete: fc.nat(7).map((n) => n === 0),
    role: fc.constantFrom("assistant", "tool"),
  },
  { requiredKeys: ["messageId", "content", "isComplete"] },
);

const anyEvent = fc.oneof(
  { weight: 10, arbitrary: chunk.map((data) => ({ event: "chat_message_chunk", data })) },
  {
    weight: 1,
    arbitrary: fc
      .record(
        { id, content: text, role: fc.constant("user") },
        { requiredKeys: ["content", "role"] },
      )
      .map((data) => ({ event: "chat_message", data })),
  },
  {
    weight: 2,
    arbitrary: fc
      .record({ isActive: fc.boolean(), progress: fc.nat(100) }, { requiredKeys: ["isActive"] })
      .map((data) => ({ event: "agent_status_update", data })),
  },
);

/** A chat's log from its beginning. */
export const anyChatLog: fc.Arbitrary<readonly ProjectionEntry[]> = fc
  .array(anyEvent, { maxLength: 30, size: "max" })
  .map((events) => events.map((event, i) => ({ ...event, ts: 1_000 + i, offset: i + 1 })));
