import type { CreateOperation } from "@milepost/model";
import { MilepostError } from "@milepost/protocol";
import { expect, test } from "vitest";
import { fixture } from "./testing/fixture.ts";

const work = { kind: "index", operationId: "op", session: "s1" };

test("[P-OP-12] a run names the collection and the channel that it belongs to", async () => {
  const { producer, gateway, clock } = fixture();
  const run = producer.start({ ...work, collection: "a b", belongsTo: "project:5" }, () => 1);
  await clock.advance(100);
  await expect(run.delivered).resolves.toBe(true);
  expect(gateway.state("op")).toMatchObject({ collection_id: "a b", belongs_to: "project:5" });
});

test("[P-OP-14] [W8] a run whose collection the gateway refuses is reported without it, with a complaint", async () => {
  const { producer, gateway, clock, problems } = fixture();
  const creates: CreateOperation[] = [];
  gateway.refuseCreate = (input) => {
    creates.push(input);
    return input.collection_id === undefined
      ? undefined
      : new MilepostError("forbidden", "the API key may not publish to collection:42");
  };
  const run = producer.start({ ...work, collection: "42" }, () => 1);
  await clock.advance(500);
  await expect(run.finished).resolves.toMatchObject({ status: "done" });
  expect(creates).toHaveLength(2);
  expect(gateway.state("op")).toMatchObject({ status: "done", session_id: "s1" });
  expect(problems).toMatchObject([{ message: expect.stringContaining("collection") }]);
});
