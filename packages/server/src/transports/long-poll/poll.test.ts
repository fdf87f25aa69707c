import type { TransportEvents } from "@milepost/core";
import { ManualClock } from "@milepost/engine/testing";
import type { Publication } from "@milepost/protocol";
import { endEvent } from "@milepost/protocol";
import { expect, test } from "vitest";
import { Poll, type PollTerms } from "./poll.ts";

const silent = { onAlive() {}, onClose() {} } as unknown as TransportEvents;

function open(terms: Partial<PollTerms> = {}) {
  const clock = new ManualClock();
  let timers = 0;
  const counted = {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    soon: clock.soon.bind(clock),
    after: (delayMs: number, callback: () => void) => {
      timers++;
      const cancel = clock.after(delayMs, callback);
      return () => {
        timers--;
        cancel();
      };
    },
  };
  const rest = { channels: 1, waitMs: 25_000, consumer: "poll", ...terms } as const;
  const poll = new Poll("plain", { ...rest, clock: counted });
  poll.attach(silent);
  let hasEnded = false;
  void poll.outcome.then(() => {
    hasEnded = true;
  });
  const write = (publication: Publication) =>
    poll.write(poll.encoder.encodeBatch([publication], ({ channel }) => `${channel}@e.1.t`));
  return { clock, poll, write, hasEnded: () => hasEnded, timers: () => timers };
}

function entry(json: string, event = "n"): Publication {
  return { channel: "chat:1", position: { epoch: "e", offset: 1, tag: "t" }, event, json, ts: 0 };
}

test("[P-POLL-3] a poll that has 256 KiB answers before all of its channels have started", async () => {
  const { clock, poll, write, hasEnded } = open({ channels: 2 });
  write(entry(`"${"x".repeat(200_000)}"`));
  await clock.settle();
  expect(hasEnded()).toBe(false);
  write(entry(`"${"x".repeat(100_000)}"`));
  await clock.settle();
  expect(hasEnded()).toBe(true);
  expect((await poll.outcome).items).toHaveLength(2);
});

test("[P-POLL-2] the end of a channel that the cursor already contains does not make the poll answer", async () => {
  const end = entry('{"reason":"complete"}', endEvent);
  const known = open({ since: "chat:0@e.4.x,chat:1@e.1.t" });
  known.poll.write(
    known.poll.encoder.encodeMessage({
      ...{ type: "subscribed", channel: "chat:1", position: "e.1.t", recovered: true },
    }),
  );
  known.write(end);
  await known.clock.settle();
  expect(known.hasEnded()).toBe(false);
  await known.clock.advance(25_000);
  expect(await known.poll.outcome).toMatchObject({ hasNews: false });
});

test("a poll that has ended keeps no timer", async () => {
  const { clock, poll, timers } = open();
  expect(timers()).toBe(1);
  poll.giveUp();
  await clock.settle();
  expect(timers()).toBe(0);
});
