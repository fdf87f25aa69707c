import { describe, expect, test } from "vitest";
import { DurableChecks } from "./durable.ts";
import type { AckedRecord } from "./records.ts";

const channel = "log:a";
const subscriber = "worker";

/** Checks of one durable subscriber with the given entries, at `e.n.tn`. */
function checks(count: number) {
  const durable = new DurableChecks();
  const accused: string[] = [];
  const accuse = (_: string, says: string) => accused.push(says);
  const at = (n: number) => `e.${n}.t${n}`;
  const store = (position: string) =>
    durable.entry({ type: "entry", channel, position, owner: "p", event: "x", hash: "" });
  durable.durable({ type: "durable", subscriber, channel, max_attempts: 5 });
  for (let n = 1; n <= count; n++) store(at(n));
  return {
    accused,
    store,
    loseTail: () => durable.fault({ type: "fault", fault: "tail_lost", phase: "once", channel }),
    hand: (position: string, attempt = 1) =>
      durable.handed({ type: "handed", subscriber, position, attempt }, accuse),
    answer: (
      position: string,
      outcome: AckedRecord["outcome"] = "saved",
      kind: AckedRecord["kind"] = "ack",
    ) => durable.acked({ type: "acked", subscriber, kind, position, outcome }),
    end: (sent: string) =>
      durable.end({ type: "durable_end", subscriber, sent, pending: [], is_held: true }, accuse),
    at,
  };
}

describe("[G11] the checks of durable subscribers", () => {
  test("find an entry that comes again after its ack, or after the ack of a later one, was saved", () => {
    const { accused, hand, answer, at } = checks(4);
    for (const n of [1, 2, 3]) hand(at(n));
    answer(at(3));
    hand(at(4));
    expect(accused).toEqual([]);
    hand(at(3), 2);
    hand(at(1), 2);
    expect(accused).toEqual([
      `worker received ${at(3)} again after its ack was saved`,
      `worker received ${at(1)} again after its ack was saved`,
    ]);
  });

  test("allow an entry to come again whose ack was not answered, was refused, or came after a nack", () => {
    const { accused, hand, answer, at } = checks(4);
    for (const n of [1, 2, 3, 4]) hand(at(n));
    answer(at(1), "saved", "nack");
    answer(at(2), "unknown");
    answer(at(4), "refused");
    for (const n of [1, 2, 4]) hand(at(n), 2);
    answer(at(3));
    hand(at(1), 3);
    expect(accused).toEqual([]);
    hand(at(2), 3);
    expect(accused).toEqual([`worker received ${at(2)} again after its ack was saved`]);
  });

  test("tell an entry at the offset of a lost one from the lost one", () => {
    const { accused, store, hand, answer, end, at } = checks(3);
    for (const n of [1, 2, 3]) hand(at(n));
    answer(at(3));
    store("e.2.other");
    store("e.3.another");
    hand("e.2.other");
    hand("e.3.another");
    expect(accused).toEqual([]);
    end("e.3.another");
    expect(accused).toHaveLength(2);
    accused.length = 0;
    answer("e.3.another");
    end("e.3.another");
    expect(accused).toEqual([]);
    hand("e.2.other", 2);
    expect(accused).toHaveLength(1);
  });

  test("settle nothing that was stored after a lost tail by the late ack of an entry in that tail", () => {
    const { accused, store, loseTail, hand, answer, end, at } = checks(4);
    for (const n of [1, 2, 3, 4]) hand(at(n));
    answer(at(1));
    loseTail();
    for (const position of ["e.2.new", "e.3.new", "e.4.new"]) store(position);
    answer(at(4));
    for (const position of ["e.2.new", "e.3.new"]) hand(position);
    expect(accused).toEqual([]);
    answer("e.3.new");
    for (const position of ["e.2.new", "e.3.new"]) hand(position, 2);
    expect(accused).toEqual([
      "worker received e.2.new again after its ack was saved",
      "worker received e.3.new again after its ack was saved",
    ]);
    end("e.3.new");
    expect(accused).toHaveLength(2);
  });

  test("find an entry that was never stored", () => {
    const { accused, hand } = checks(1);
    hand("e.2.t2");
    expect(accused).toEqual(["worker received e.2.t2, which was never stored"]);
  });

  test("judge a long log in a time that grows with its length only", () => {
    const count = 30_000;
    const { accused, hand, answer, at } = checks(count);
    for (let n = 1; n <= count; n++) {
      hand(at(n));
      answer(at(n));
    }
    hand(at(1), 2);
    expect(accused).toHaveLength(1);
  });
});
