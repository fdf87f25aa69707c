import { expect, it } from "vitest";
import { Schedule } from "../runtime/schedule.ts";
import { ManualClock, settle } from "../testing/index.ts";
import { sseTransport } from "./sse-transport.ts";

/** Opens an event stream whose response has begun. `say` sends text over it. */
async function opened() {
  const clock = new ManualClock();
  const closes: number[] = [];
  let say = (_text: string) => {};
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      say = (text) => controller.enqueue(new TextEncoder().encode(text));
    },
  });
  sseTransport(async () => new Response(body)).open(
    {
      url: new URL("ws://gateway.test/ws"),
      token: "t",
      connectionId: undefined,
      schedule: new Schedule(clock),
    },
    { onFrame: () => {}, onClose: (code) => closes.push(code) },
  );
  await settle();
  return { clock, closes, say };
}

it("[C13] an event stream that begins and is held back before its welcome fails after 5 s", async () => {
  const { clock, closes } = await opened();
  await clock.advance(4_999);
  expect(closes).toEqual([]);
  await clock.advance(1);
  expect(closes).toEqual([1006]);
});

it("[C13] an event stream whose welcome arrives stays open", async () => {
  const { clock, closes, say } = await opened();
  say('data: {"type":"welcome","connection_id":"c1"}\n\n');
  await settle();
  await clock.advance(60_000);
  expect(closes).toEqual([]);
});
