import { expect, it } from "vitest";
import { createClient, operationCode } from "../create-client.ts";
// The folder's index would load the code.
import { ManualClock, settle } from "../testing/manual-clock.ts";
import { ScriptedGateway } from "../testing/scripted-gateway.ts";

it("[T9] a client loads the code of operations when it connects, and an operation watched before misses nothing", async () => {
  const gateway = new ScriptedGateway();
  const client = createClient({
    url: "ws://gateway.test/ws",
    webSocket: gateway.webSocket,
    clock: new ManualClock(),
  });
  expect(operationCode.loaded).toBeUndefined();
  const operation = client.operation("9");
  const changed = new Promise<void>((resolve) => operation.subscribe(resolve));
  expect([operation.view, client.operations().view]).toEqual([
    { kind: "loading" },
    { kind: "loading" },
  ]);
  client.connect();
  await settle();
  await gateway.last.accept();
  await operationCode.load();
  await settle();
  const state = { operation_id: "9", status: "running", commands: [], steps: [] };
  await gateway.last.reply(gateway.last.take("subscribe"), {
    channel: "operation:9",
    position: "e1.2.t2",
    recovered: false,
    snapshot: { projection: "operation", state },
  });
  await changed;
  expect(operation.view).toEqual({ kind: "ready", state, stale: false });
  await client.close();
});
