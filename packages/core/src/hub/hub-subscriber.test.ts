import type { Position, Publication } from "@milepost/protocol";
import { expect, test } from "vitest";
import { HubSubscriber, type SubscribedChannel } from "./hub-subscriber.ts";
import type { Subscriber } from "./subscriber.ts";

function at(offset: number, tag = `t${offset}`): Position {
  return { epoch: "e", offset, tag };
}

const end: Publication = {
  channel: "log:a",
  position: at(3),
  previousTag: "t2",
  event: "end",
  json: "null",
  ts: 0,
};

test("[P-END-3] a subscription ends by itself only at the position of the end", () => {
  const told: string[] = [];
  const subscriber = {
    onPublications: (list: readonly Publication[]) => told.push(...list.map(({ event }) => event)),
    onEnd: () => told.push("over"),
  } as unknown as Subscriber;
  const channel = { flushed: undefined, remove: () => {} } as unknown as SubscribedChannel;
  const one = new HubSubscriber(subscriber, channel);
  one.endIfThere(end);
  for (const own of [at(2), at(3, "another"), { ...at(3), epoch: "earlier" }, at(4)]) {
    one.own = own;
    one.endIfThere(end);
    one.endIfThere(undefined);
  }
  expect([told, one.left]).toEqual([[], false]);
  one.own = at(3);
  one.endIfThere(end);
  one.endIfThere(end);
  expect([told, one.left]).toEqual([["end", "over"], true]);
});
