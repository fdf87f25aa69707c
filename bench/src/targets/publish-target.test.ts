import { HttpConnection, publishRequest } from "@milepost/load/wire";
import { expect, test } from "vitest";
import { openReader } from "../generator/reader.ts";
import { makePayload } from "../payload.ts";
import { readersOf, sharedChannel, startPublishTarget } from "./publish-target.ts";
import { secrets } from "./served-node.ts";

async function receivedBy(readers: number, port: number): Promise<readonly number[]> {
  const got: number[] = [];
  await new Promise<void>((resolve, reject) => {
    const sink = {
      startRead() {},
      deliver(index: number, seq: number) {
        if (seq === 7) got.push(index);
        if (got.length === readers) resolve();
      },
      connectionClosed: (reason: string) => reject(new Error(reason)),
    };
    const plan = readersOf("ws-all", port, sharedChannel);
    const opened = Array.from({ length: readers }, (_, index) => openReader(plan, index, sink));
    const connection = new HttpConnection(
      { port },
      (status) => {
        if (status !== 200) reject(new Error(`status ${status}`));
      },
      () => {},
    );
    Promise.all(opened).then(() => {
      const line = { channel: sharedChannel, event: "tick", data: makePayload(7, 1) };
      connection.send(publishRequest(JSON.stringify(line), secrets.apiKey, false));
    }, reject);
  });
  return got.toSorted((a, b) => a - b);
}

test("the floor of latencies sends what is published to every reader", async () => {
  expect(await receivedBy(3, await startPublishTarget("ws-all"))).toEqual([0, 1, 2]);
});
