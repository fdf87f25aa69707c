import { parseClientMessage } from "@milepost/protocol";
import { expect, test } from "vitest";
import type { Incoming } from "../dialects/literal-message.ts";
import { Inbox } from "./inbox.ts";

const mebibyte = 1_024 * 1_024;

function ping(id: number): Incoming {
  return parseClientMessage({ type: "ping", id });
}

function idOf(message: Incoming): unknown {
  return message.ok && "id" in message.value ? message.value.id : undefined;
}

/** Inbox whose owner handles each message until {@link goOn} is called. */
function slowInbox() {
  const handled: unknown[] = [];
  const refused: unknown[] = [];
  let goOn = () => {};
  const inbox = new Inbox({
    handle(message) {
      handled.push(idOf(message));
      return new Promise((resolve) => {
        goOn = resolve;
      });
    },
    refuseMessage: (message) => refused.push(idOf(message)),
    hasTurn: () => true,
    inNextTurn: (work) => work(),
  });
  const next = async () => {
    goOn();
    for (let turn = 0; turn < 3; turn++) await Promise.resolve();
  };
  return { inbox, handled, refused, next };
}

test("[G1] messages behind a slow one are handled in order, one after the other, and none is lost", async () => {
  const { inbox, handled, next } = slowInbox();
  for (let id = 1; id <= 5; id++) inbox.take(ping(id), 10);
  expect(handled).toEqual([1]);
  for (let id = 2; id <= 5; id++) {
    await next();
    expect(handled.at(-1)).toBe(id);
  }
  expect(handled).toEqual([1, 2, 3, 4, 5]);
});

test("[G7] at most 1,024 messages wait for the answer to the one in front of them", () => {
  const { inbox, refused } = slowInbox();
  for (let id = 0; id < 1_027; id++) inbox.take(ping(id), 1);
  expect(refused).toEqual([1_025, 1_026]);
});

test("[G7] at most 4 MiB of messages wait, and the next one has room when one of them was handled", async () => {
  const { inbox, handled, refused, next } = slowInbox();
  for (let id = 0; id <= 4; id++) inbox.take(ping(id), mebibyte);
  inbox.take(ping(5), 1);
  expect(refused).toEqual([5]);
  await next();
  inbox.take(ping(6), mebibyte);
  expect(refused).toEqual([5]);
  inbox.take(ping(7), 1);
  expect(refused).toEqual([5, 7]);
  for (let turn = 0; turn < 5; turn++) await next();
  expect(handled).toEqual([0, 1, 2, 3, 4, 6]);
});

test("no message is handled after its inbox has closed", async () => {
  const handled: unknown[] = [];
  const goOn: (() => void)[] = [];
  const inbox = new Inbox({
    handle(message) {
      handled.push(idOf(message));
      // The connection ends while its second message is handled, which needs no wait.
      if (handled.length === 2) inbox.close();
      return handled.length === 1 ? new Promise((resolve) => goOn.push(resolve)) : undefined;
    },
    refuseMessage: () => {},
    hasTurn: () => true,
    inNextTurn: (work) => work(),
  });
  for (let id = 1; id <= 4; id++) inbox.take(ping(id), 1);
  goOn[0]?.();
  for (let turn = 0; turn < 3; turn++) await Promise.resolve();
  inbox.take(ping(5), 1);
  expect(handled).toEqual([1, 2]);
});

test("[P-LIM-7] messages that waited are handled in slices, and the rest in the next turns", async () => {
  const handled: unknown[] = [];
  const later: (() => void)[] = [];
  let share = 2;
  let goOn = () => {};
  const inbox = new Inbox({
    handle(message) {
      handled.push(idOf(message));
      if (handled.length > 1) return undefined;
      return new Promise((resolve) => {
        goOn = resolve;
      });
    },
    refuseMessage: () => {},
    hasTurn: () => share-- > 0,
    inNextTurn: (work) => later.push(work),
  });
  for (let id = 1; id <= 6; id++) inbox.take(ping(id), 1);
  goOn();
  for (let turn = 0; turn < 3; turn++) await Promise.resolve();
  expect(handled).toEqual([1, 2, 3]);
  inbox.take(ping(7), 1);
  share = 10;
  later.shift()?.();
  expect(handled).toEqual([1, 2, 3, 4, 5, 6, 7]);
});
