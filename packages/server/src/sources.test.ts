import type { Source, TakeEntry } from "@milepost/engine";
import { expect, it } from "vitest";
import { createGateway } from "./gateway.ts";

it("[P-SRC-1] a gateway publishes the entries of its sources, also those that a source still holds while the gateway closes", async () => {
  let take: TakeEntry = () => Promise.reject(new Error("not started"));
  const settled: string[] = [];
  const source: Source = {
    start(given) {
      take = given;
    },
    async close() {
      settled.push("closing");
      // The source hands over an entry that it still held when the gateway began to close.
      const fields = { channel: "broadcast", event: "n", data: "2" };
      settled.push(await take("work", { id: "2-0", fields, attempt: 1 }));
    },
  };
  const gateway = createGateway({ auth: { tokenSecret: "t".repeat(48) }, sources: [source] });
  const fields = { channel: "broadcast", event: "n", data: "1" };
  expect(await take("work", { id: "1-0", fields, attempt: 1 })).toBe("stored");
  await gateway.close();
  expect(settled).toEqual(["closing", "stored"]);
  const late = take("work", { id: "3-0", fields, attempt: 1 });
  await expect(late).rejects.toMatchObject({ code: "shutting_down" });
});
