import { simulateReadableStream, streamText } from "ai";
import { MockLanguageModelV3 } from "ai/test";
import { expect, test } from "vitest";
import { deferred, fixture } from "./testing/fixture.ts";
import type { TextSource } from "./text-source.ts";

const work = { kind: "answer", operationId: "op" };

async function* pieces<Piece>(...all: Piece[]): AsyncGenerator<Piece> {
  yield* all;
}

/** Runs a job that reads `source` as the text `answer`, and returns how it ended. */
async function read(source: TextSource) {
  const { producer, gateway, clock } = fixture();
  const run = producer.start(work, (op) => op.text("answer", source));
  const outcome = await run.finished;
  await clock.advance(500);
  return { outcome, text: gateway.state("op").texts.answer };
}

const euro = new TextEncoder().encode("€");

test.each<[string, TextSource]>([
  ["an async iterable", pieces("a ", "", "€")],
  ["an iterable", ["a ", "€"]],
  [
    "bytes that are cut within a character",
    pieces<string | Uint8Array>("a ", euro.slice(0, 1), euro.slice(1)),
  ],
  [
    "a web stream",
    new ReadableStream({
      start(controller) {
        controller.enqueue("a ");
        controller.enqueue("€");
        controller.close();
      },
    }),
  ],
  [
    "an AI SDK result, whose other parts are left out",
    {
      textStream: pieces("not this one"),
      fullStream: pieces(
        { type: "start" },
        { type: "text-delta", id: "1", text: "a " },
        { type: "reasoning-delta", id: "1", text: "hm" },
        { type: "text-delta", textDelta: "€" },
        { type: "finish" },
      ),
    },
  ],
])("%s becomes a complete text stream", async (_, source) => {
  expect(await read(source)).toMatchObject({
    outcome: { status: "done" },
    text: { text: "a €", done: true },
  });
});

test("an error of the source fails the work, and the text keeps what came before, incomplete", async () => {
  const failing = pieces(
    { type: "text-delta", text: "a" },
    { type: "error", error: new Error("overloaded") },
  );
  expect(await read({ fullStream: failing })).toMatchObject({
    outcome: { status: "failed", error: { message: "overloaded" } },
    text: { text: "a", done: false },
  });
});

test("a cancel ends the reading of a source that hangs, and tells the source", async () => {
  const { producer, gateway, clock } = fixture();
  const stopped = deferred();
  const hanging = {
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise<never>(() => {}),
      return: async () => {
        stopped.resolve();
        return { done: true as const, value: undefined };
      },
    }),
  };
  const run = producer.start(work, (op) => op.text("answer", hanging));
  await clock.advance(50);
  gateway.command("op", "cancel");
  await clock.advance(1_000);
  await expect(run.finished).resolves.toMatchObject({ status: "cancelled" });
  await stopped.promise;
});

test("a source is read to its end while the gateway answers nothing", async () => {
  const { producer, gateway } = fixture();
  gateway.fault = () => "lost_request";
  let read = 0;
  async function* counted() {
    for (; read < 10_000; read++) yield "token ";
  }
  await producer.start(work, (op) => op.text("answer", counted())).finished;
  expect(read).toBe(10_000);
});

test("the result of streamText of the AI SDK becomes a text stream", async () => {
  const usage = {
    inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
    outputTokens: { total: 2, text: 2, reasoning: 0 },
  };
  const model = new MockLanguageModelV3({
    doStream: async () => ({
      stream: simulateReadableStream({
        chunks: [
          { type: "text-start", id: "1" },
          { type: "text-delta", id: "1", delta: "Hello, " },
          { type: "text-delta", id: "1", delta: "world" },
          { type: "text-end", id: "1" },
          { type: "finish", finishReason: { unified: "stop", raw: "stop" }, usage },
        ],
      }),
    }),
  });
  expect(await read(streamText({ model, prompt: "Greet" }))).toMatchObject({
    outcome: { status: "done" },
    text: { text: "Hello, world", done: true },
  });
});

test("a failure of the model of the AI SDK fails the work", async () => {
  const model = new MockLanguageModelV3({
    doStream: async () => {
      throw new Error("overloaded");
    },
  });
  const result = streamText({ model, prompt: "Greet", maxRetries: 0, onError: () => {} });
  expect(await read(result)).toMatchObject({
    outcome: { status: "failed", error: { message: "overloaded" } },
  });
});
