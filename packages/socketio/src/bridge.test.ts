import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import { createSocketIoBridge } from "./bridge.ts";
import { frontendUrl, Page, startBridged } from "./testing/bridged-gateway.ts";

const designed = [
  ["queue:position", { position: 2, total: 5, estimatedWaitTime: 30_000 }],
  ["sync:progress", { stage: "validating", percent: 10, message: "Checking the files" }],
  ["preview:status", { status: "running", url: "http://localhost:8000" }],
  ["generation:progress", { status: "running", percent: 40 }],
  ["notification", { type: "success", message: "Files synced" }],
  ["error", { message: "The preview has failed", code: "preview_failed" }],
] as const;

describe.each([
  ["WebSocket first", ["websocket", "polling"]],
  ["polling with an upgrade", ["polling", "websocket"]],
  ["polling alone", ["polling"]],
])("a page over %s", (_, transports) => {
  test("a page with a token joins as its user and gets every event of its user's channel, with an offset", async () => {
    await using node = await startBridged();
    const page = node.page({ transports, auth: { token: await node.token("7") } });
    await page.next("connect");
    expect(await page.socket.emitWithAck("client:join", { userId: "7" })).toMatchObject({
      ok: true,
      userId: "7",
      channels: expect.arrayContaining(["user:7"]),
    });
    for (const [event, data] of designed) await node.gateway.publish("user:7", event, data);
    for (const [event, data] of designed) expect(await page.next(event)).toEqual(data);
    await node.gateway.publish("broadcast", "news", [1, "two"]);
    expect(await page.next("news")).toEqual([1, "two"]);
    for (const [name, , offset] of page.seen.filter(([event]) => event.includes(":"))) {
      expect([name, typeof offset]).toEqual([name, "string"]);
    }
    expect(node.bridge.getConnectedUsersCount()).toBe(1);
  });

  test("a page whose connection is cut recovers: socket.recovered is true, and nothing is lost or comes twice", async () => {
    await using node = await startBridged();
    const page = node.page({ transports, auth: { token: await node.token("7") } });
    await page.next("connect");
    await page.next("milepost:ready");
    const { id } = page.socket;
    await node.gateway.publish("user:7", "step", 1);
    expect(await page.next("step")).toBe(1);
    page.cut();
    await page.next("disconnect");
    await node.gateway.publish("user:7", "step", 2);
    await node.gateway.publish("broadcast", "step", 3);
    await page.next("connect");
    expect(page.socket.recovered).toBe(true);
    expect(page.socket.id).toBe(id);
    await node.gateway.publish("user:7", "step", 4);
    while (page.all("step").length < 4) await page.next("step");
    expect(page.all("step").toSorted()).toEqual([1, 2, 3, 4]);
    expect(node.bridge.stats()).toMatchObject({ recovered: 1, notRecovered: 0, users: 1 });
  });
});

test("a page that is opened again gets the state of its user's channel as events, and neither notifications nor errors twice", async () => {
  await using node = await startBridged({ gateway: { guests: true }, bridge: { guests: true } });
  const auth = { token: await node.token("7") };
  for (const [event, data] of designed) {
    await node.gateway.publish("user:7", event, data);
    await node.gateway.publish("guest:user_17", event, data);
  }
  const page = node.page({ auth });
  await page.next("milepost:ready");
  const guest = node.page();
  await guest.next("connect");
  await guest.socket.emitWithAck("client:join", { userId: "user_17" });
  for (const each of [page, guest]) {
    expect(await each.next("milepost:snapshot")).toMatchObject({ projection: "personal" });
    for (const [event, data] of designed.slice(0, 4)) {
      expect(await each.next(event)).toMatchObject(data);
    }
  }
  await node.gateway.publish("user:7", "queue:position", { position: 1, total: 5 });
  expect(await page.next("queue:position")).toEqual({ position: 1, total: 5 });
  expect([page.all("notification"), page.all("error")]).toEqual([[], []]);
  page.cut();
  await page.next("disconnect");
  await page.next("milepost:ready");
  expect(page.socket.recovered).toBe(true);
  await node.gateway.publish("user:7", "after", 1);
  await page.next("after");
  expect(page.all("queue:position")).toHaveLength(2);
});

test("a page whose WebSocket does not come through goes on by polling, if its client tries all transports", async () => {
  await using node = await startBridged({ bridge: { server: { transports: ["polling"] } } });
  const page = node.page({ auth: { token: await node.token("7") }, tryAllTransports: true });
  await page.next("milepost:ready");
  expect(page.socket.io.engine.transport.name).toBe("polling");
  await node.gateway.publish("user:7", "step", 1);
  expect(await page.next("step")).toBe(1);
});

test("a gateway may be attached before or after the bridge, and leaves the program its other paths", async () => {
  await using node = await startBridged();
  const server = createServer((_, response) => response.writeHead(200).end("program"));
  const detach = node.gateway.attach(server);
  const bridge = createSocketIoBridge({ gateway: node.gateway });
  bridge.initialize(server, frontendUrl);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const page = new Page(url, { auth: { token: await node.token("7") } });
  await page.next("milepost:ready");
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  expect(await (await fetch(`${url}/other`)).text()).toBe("program");
  expect((await fetch(`${url}/socket.io/socket.io.js`)).status).toBe(200);
  detach();
  await node.gateway.publish("user:7", "step", 1);
  expect(await page.next("step")).toBe(1);
  page.socket.disconnect();
  await bridge.close();
  server.close();
  server.closeAllConnections();
});
