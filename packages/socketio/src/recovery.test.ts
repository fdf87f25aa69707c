import { describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import {
  type BridgedGateway,
  frontendUrl,
  type Kept,
  startBridged,
} from "./testing/bridged-gateway.ts";

/** Opens a page of user 7 that has got `step` 1. */
async function opened(node: BridgedGateway, options = {}) {
  const page = node.page({ auth: { token: await node.token("7") }, ...options });
  await page.next("milepost:ready");
  await node.gateway.publish("user:7", "step", 1);
  await page.next("step");
  return page;
}

describe("connection state recovery", () => {
  test("a page that is cut before its first event recovers all the same", async () => {
    await using node = await startBridged();
    const page = node.page({ auth: { token: await node.token("7") } });
    await page.next("milepost:ready");
    page.cut();
    await page.next("disconnect");
    await node.gateway.publish("user:7", "step", 1);
    expect(await page.next("step")).toBe(1);
    expect(page.socket.recovered).toBe(true);
  });

  test("a page that reconnects before the server has noticed its lost connection recovers, and its old socket ends", async () => {
    await using node = await startBridged();
    const page = await opened(node);
    const kept = page.socket as unknown as Kept;
    // A second client with what the first one keeps: to the server the first one is still there.
    const again = node.page({
      auth: { token: await node.token("7"), pid: kept._pid, offset: kept._lastOffset },
    });
    expect(await page.next("disconnect")).toMatch(/^io server disconnect|transport close$/);
    expect(await again.next("milepost:ready")).toMatchObject({ recovered: true });
    await node.gateway.publish("user:7", "step", 2);
    expect(await again.next("step")).toBe(2);
    expect(page.all("step")).toEqual([1]);
    expect(node.bridge.getConnectedUsersCount()).toBe(1);
    await expect.poll(() => node.gateway.stats().connections).toBe(1);
  });

  test("entries that the log has no more: the page is not recovered, is told of the gap, and gets what is left", async () => {
    const rule = { pattern: "user:{user}", subscribe: "own-user", publish: "granted" } as const;
    await using node = await startBridged({
      gateway: { rules: [{ ...rule, retention: { maxEntries: 2, maxAgeMs: 60_000 } }] },
    });
    const page = await opened(node);
    const { id } = page.socket;
    page.cut();
    await page.next("disconnect");
    for (const n of [2, 3, 4, 5]) await node.gateway.publish("user:7", "step", n);
    expect(await page.next("milepost:gap")).toEqual({ channel: "user:7", reason: "trimmed" });
    while (page.all("step").length < 3) await page.next("step");
    expect(page.socket.recovered).toBe(false);
    expect(page.socket.id).toBe(id);
    expect(page.all("step")).toEqual([1, 4, 5]);
    page.cut();
    await page.next("disconnect");
    await node.gateway.publish("user:7", "step", 6);
    while (page.all("step").length < 4) await page.next("step");
    expect(page.socket.recovered).toBe(true);
    expect(node.bridge.stats()).toMatchObject({ recovered: 1, notRecovered: 1 });
  });

  test("the state of another user's page is of no use: neither its positions nor its socket id", async () => {
    await using node = await startBridged();
    const victim = await opened(node);
    const { _pid: pid, _lastOffset: offset } = victim.socket as unknown as Kept;
    const { id } = victim.socket;
    const thief = node.page({
      auth: { token: await node.token("8"), pid: `${id}.${"A".repeat(22)}`, offset },
    });
    expect(await thief.next("milepost:ready")).toMatchObject({ recovered: false, user: "8" });
    expect(thief.socket.id).not.toBe(id);
    await node.gateway.publish("user:7", "step", 2);
    await node.gateway.publish("user:8", "after", 1);
    await thief.next("after");
    expect(await victim.next("step")).toBe(2);
    expect(thief.all("step")).toEqual([]);
    victim.socket.disconnect();
    const common = offset.split(",").filter((part) => !part.includes("user:7@"));
    const other = node.page({
      auth: { token: await node.token("8"), pid, offset: `c1;${common.join()}` },
    });
    expect(await other.next("milepost:ready")).toMatchObject({ recovered: false });
    const heir = node.page({ auth: { token: await node.token("8"), pid, offset } });
    expect(await heir.next("milepost:ready")).toMatchObject({
      recovered: false,
      channels: expect.not.arrayContaining(["user:7"]),
    });
  });

  test.each([
    ["an offset that is no text", { offset: 7 }],
    ["an offset of another server", { offset: "1730000000000-0" }],
    ["an offset with a cursor that is none", { offset: "c1;user:7@x" }],
    ["an offset of a megabyte", { offset: `c1;${"a".repeat(900_000)}` }],
    ["an offset of a log that does not exist", { offset: "c1;user:7@nolog.5.tag" }],
    ["a private id that is none", { pid: "x" }],
    ["a private id that is an object", { pid: { toString: "x" } }],
  ])("a page that offers %s is connected anew", async (_, wrong) => {
    await using node = await startBridged();
    const { _pid: pid, _lastOffset: offset } = (await opened(node)).socket as unknown as Kept;
    const page = node.page({ auth: { token: await node.token("7"), pid, offset, ...wrong } });
    expect(await page.next("milepost:ready")).toMatchObject({ recovered: false });
    expect(page.socket.recovered).toBe(false);
    await node.gateway.publish("user:7", "after", 1);
    expect(await page.next("after")).toBe(1);
  });

  test("a page whose log was created anew is told of the gap, and gets the state of its user's channel", async () => {
    await using node = await startBridged();
    const data = { stage: "syncing", percent: 50, message: "Syncing" };
    await node.gateway.publish("user:7", "sync:progress", data);
    const { _pid: pid } = (await opened(node)).socket as unknown as Kept;
    const offset = "c1;user:7@nolog.5.tag";
    const page = node.page({ auth: { token: await node.token("7"), pid, offset } });
    expect(await page.next("milepost:gap")).toEqual({ channel: "user:7", reason: "epoch_changed" });
    expect(await page.next("sync:progress")).toMatchObject(data);
    expect(page.socket.recovered).toBe(false);
  });

  test("a client that connects its socket many times at once gets one connection to the gateway at most", async () => {
    await using node = await startBridged();
    const token = await node.token("7");
    const socket = new WebSocket(
      `ws://127.0.0.1:${node.port}/socket.io/?EIO=4&transport=websocket`,
      { origin: frontendUrl },
    );
    const closed = new Promise((resolve) => socket.on("close", resolve));
    socket.on("open", () => {
      for (let n = 0; n < 50; n++) socket.send(`40${JSON.stringify({ token })}`);
    });
    await closed;
    await expect.poll(() => node.gateway.stats().connections).toBe(0);
    expect(node.bridge.stats()).toMatchObject({ connections: 0, users: 0 });
  });

  test("names of events that Socket.IO has for itself arrive as milepost:event", async () => {
    await using node = await startBridged();
    const page = await opened(node);
    await node.gateway.publish("user:7", "disconnect", { n: 1 });
    await node.gateway.publish("user:7", "after", "a text");
    expect(await page.next("milepost:event")).toEqual({
      channel: "user:7",
      event: "disconnect",
      data: { n: 1 },
    });
    expect(await page.next("after")).toBe("a text");
  });
});
