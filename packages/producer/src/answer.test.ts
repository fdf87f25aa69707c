import { type ChatMessageChunk, type ChatState, chatBounds, chatProjection } from "@milepost/model";
import { MilepostError } from "@milepost/protocol";
import { describe, expect, it } from "vitest";
import { type AnswerOptions, streamAnswer } from "./answer.ts";
import { ManualClock } from "./testing/manual-clock.ts";
import { seededRandom } from "./testing/seeded-random.ts";

/**
 * Creates an answer and a scripted gateway for it. The gateway stores a publication with the same key once. The
 * test decides which calls succeed and which fail.
 */
function setUp(options: Partial<AnswerOptions> = {}) {
  const clock = new ManualClock();
  const stored = new Map<string, ChatMessageChunk>();
  const problems: MilepostError[] = [];
  let calls = 0;
  let fate: (call: number) => "answer" | "lose" | MilepostError | Promise<void> = () => "answer";
  const answer = streamAnswer({
    chat: "42",
    messageId: "a",
    clock,
    random: seededRandom(1),
    onProblem: (error) => problems.push(error),
    async publish(channel, event, data, { key }) {
      expect([channel, event]).toEqual(["chat:42", "chat_message_chunk"]);
      calls++;
      const outcome = fate(calls);
      if (outcome instanceof MilepostError) throw outcome;
      if (!stored.has(key)) stored.set(key, data as ChatMessageChunk);
      if (outcome === "lose") throw new MilepostError("store_unavailable", "the answer was lost");
      if (outcome !== "answer") await outcome;
    },
    ...options,
  });
  const state = () =>
    [...stored.values()].reduce<ChatState | undefined>(
      (before, data, i) =>
        chatProjection.reduce(before, { event: "chat_message_chunk", data, ts: i, offset: i + 1 }),
      undefined,
    );
  return {
    clock,
    answer,
    stored,
    problems,
    state,
    calls: () => calls,
    decide(next: typeof fate) {
      fate = next;
    },
  };
}

describe("streaming an answer", () => {
  it("a streamed answer sends the text of each interval as one piece, and marks the last piece complete", async () => {
    const { clock, answer, stored, state } = setUp();
    for (const word of ["To ", "the ", "sea"]) answer.write(word);
    await clock.advance(40);
    answer.write(", I ");
    answer.write("say");
    await clock.advance(40);
    const ended = answer.end();
    await clock.settle();
    expect(await ended).toBe(true);
    expect([...stored.values()].map(({ content }) => content)).toEqual([
      "To the sea",
      ", I say",
      "",
    ]);
    expect(state()?.messages).toMatchObject([
      { id: "a", content: "To the sea, I say", isComplete: true, role: "assistant" },
    ]);
    expect(clock.pending).toBe(0);
  });

  it("a streamed answer repeats a piece with the same key after a lost reply, keeps the order, and joins text that waits meanwhile", async () => {
    const { clock, answer, stored, state, decide, calls } = setUp();
    decide((call) => (call <= 3 ? "lose" : "answer"));
    answer.write("one ");
    await clock.advance(40);
    for (let n = 0; n < 100; n++) answer.write(`${n} `);
    const ended = answer.end();
    await clock.advance(10_000);
    expect(await ended).toBe(true);
    expect(calls()).toBe(5);
    expect(stored.size).toBe(2);
    const whole = `one ${Array.from({ length: 100 }, (_, n) => `${n} `).join("")}`;
    expect(state()?.messages[0]).toMatchObject({ content: whole, isComplete: true });
  });

  it("a streamed answer sends one piece at a time, within the chat's length limit, and never splits a character", async () => {
    const { clock, answer, stored, decide } = setUp();
    let open = () => {};
    decide(
      () =>
        new Promise<void>((resolve) => {
          open = resolve;
        }),
    );
    answer.write("first");
    await clock.advance(40);
    answer.write(`x${"😀".repeat(chatBounds.content / 2)}`);
    await clock.advance(1_000);
    expect(stored.size).toBe(1);
    decide(() => "answer");
    open();
    const ended = answer.end();
    await clock.settle();
    expect(await ended).toBe(true);
    const pieces = [...stored.values()].slice(1);
    expect(pieces.map(({ content }) => content.length)).toEqual([chatBounds.content - 1, 2]);
    expect(pieces.every(({ content }) => !/[\ud800-\udbff]$/.test(content))).toBe(true);
  });

  it("a streamed answer is given up after a refusal, a long outage or too much waiting text, and the work sees no error", async () => {
    const refused = setUp();
    refused.decide(() => new MilepostError("ended", "the chat is over"));
    refused.answer.write("x");
    await refused.clock.advance(40);
    refused.answer.write("y");
    expect(await refused.answer.end()).toBe(false);
    expect(refused.problems).toMatchObject([{ code: "ended" }]);

    const away = setUp();
    away.decide(() => new MilepostError("store_unavailable", "away"));
    away.answer.write("x");
    await away.clock.advance(120_000);
    expect(await away.answer.end()).toBe(false);
    expect(away.problems).toMatchObject([{ code: "store_unavailable" }]);
    expect(away.clock.pending).toBe(0);

    const much = setUp({
      onProblem() {
        throw new Error("of the listener");
      },
    });
    for (let n = 0; n < 20; n++) much.answer.write("z".repeat(64 * 1_024));
    expect(await much.answer.end()).toBe(false);
    expect(much.clock.pending).toBe(0);
  });
});
