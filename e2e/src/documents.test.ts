import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createClient } from "@milepost/client";
import { connectRedis, redisEngine } from "@milepost/redis";
import { startRedis } from "@milepost/redis/testing";
import { createGateway, type Gateway } from "@milepost/server";
import { MilepostProvider } from "@milepost/yjs";
import { documentRules, yjsCompactor } from "@milepost/yjs/compactor";
import { describe, expect, test, vi } from "vitest";
import { WebSocket } from "ws";
import { Doc } from "yjs";
import { startCuttableProxy } from "./fixtures/cuttable-proxy.ts";

const channels = {
  subscribe: ["document:*", "awareness:*"],
  publish: ["document:*", "awareness:*"],
};
const waitMs = 20_000;

interface Page extends AsyncDisposable {
  readonly doc: Doc;
  readonly provider: MilepostProvider;
  readonly text: () => string;
  /** Cuts the connection and refuses the next ones until {@link Page.restore}. */
  cut(): void;
  restore(): void;
}

async function gatewayOf(redis?: { readonly url: string }): Promise<Gateway> {
  const gateway = createGateway({
    auth: { tokenSecret: "s".repeat(48), apiKeys: [] },
    rules: documentRules(),
    compactors: { yjs: yjsCompactor() },
    limits: { presenceGraceMs: 500, maxConnectionsPerUser: 100 },
    ...(redis === undefined ? {} : { engine: redisEngine(await connectRedis({ url: redis.url })) }),
  });
  await gateway.listen({ port: 0 });
  return gateway;
}

/** Opens a document as a page of this user does. */
async function open(gateway: Gateway, user: string, name = "plan", doc = new Doc()): Promise<Page> {
  const proxy = await startCuttableProxy(() => gateway.address()?.port ?? 0);
  const client = createClient({
    url: `${proxy.url}/ws`,
    token: () => gateway.mintToken({ user, channels }),
    transports: ["websocket"],
    webSocket: WebSocket,
    backoff: { minMs: 5, maxMs: 40 },
    onError: () => {},
  });
  const provider = new MilepostProvider(client, name, doc, { batchMs: 5 });
  return {
    doc,
    provider,
    text: () => doc.getText("text").toString(),
    cut() {
      proxy.block();
      proxy.cut();
    },
    restore: () => proxy.restore(),
    async [Symbol.asyncDispose]() {
      provider.destroy();
      await client.close();
      await proxy[Symbol.asyncDispose]();
    },
  };
}

/** Waits until every edit of these pages is stored and all have the same text. */
async function converge(...pages: readonly Page[]): Promise<string> {
  await vi.waitFor(() => {
    expect(pages.every(({ provider }) => provider.synced && provider.saved)).toBe(true);
    expect(new Set(pages.map(({ text }) => text())).size).toBe(1);
  }, waitMs);
  return pages[0]?.text() ?? "";
}

describe("shared documents", () => {
  test("two people edit at once through two nodes, one is cut off meanwhile, and both end with the same document", async () => {
    await using redis = await startRedis();
    await using one = await gatewayOf(redis);
    await using two = await gatewayOf(redis);
    await using ada = await open(one, "ada");
    await using bob = await open(two, "bob");
    ada.doc.getText("text").insert(0, "start. ");
    expect(await converge(ada, bob)).toBe("start. ");
    bob.cut();
    await vi.waitFor(() => expect(bob.provider.status).not.toBe("connected"), waitMs);
    for (let n = 0; n < 100; n++) {
      ada.doc.getText("text").insert(0, `a${n} `);
      bob.doc.getText("text").insert(bob.text().length, `b${n} `);
    }
    expect(bob.provider.saved).toBe(false);
    bob.restore();
    const text = await converge(ada, bob);
    for (let n = 0; n < 100; n++) {
      expect(text).toContain(`a${n} `);
      expect(text).toContain(`b${n} `);
    }
    await using late = await open(one, "eve");
    expect(await converge(ada, bob, late)).toBe(text);
    expect(await ada.provider.isDurable()).toBe(true);
  });

  test("a document of 10,000 updates is opened from its snapshot and the few updates since", async () => {
    await using gateway = await gatewayOf();
    const doc = new Doc();
    const updates: string[] = [];
    doc.on("update", (update: Uint8Array) => updates.push(Buffer.from(update).toString("base64")));
    for (let n = 0; n < 10_000; n++) doc.getText("text").insert(n, String(n % 10));
    // The log takes 10,000 entries only because the node compacts it meanwhile.
    for (let from = 0; from < updates.length; from += 250) {
      const some = updates.slice(from, from + 250);
      await Promise.all(
        some.map((update) => gateway.publish("document:plan", "update", { update })),
      );
    }
    await vi.waitFor(async () => {
      await gateway.publish("document:plan", "update", { update: updates[0] });
      const token = await gateway.mintToken({ user: "ada", channels });
      const { port } = gateway.address() ?? { port: 0 };
      const answer = await fetch(
        `http://127.0.0.1:${port}/v1/channels/document:plan/history?limit=1000`,
        { headers: { authorization: `Bearer ${token}` } },
      );
      const { entries } = (await answer.json()) as { entries: readonly unknown[] };
      expect(entries.length).toBeLessThan(600);
    }, waitMs);
    await using ada = await open(gateway, "ada");
    await vi.waitFor(() => expect(ada.provider.synced).toBe(true), waitMs);
    expect(ada.text()).toBe(doc.getText("text").toString());
    expect(await ada.provider.isDurable()).toBe(false);
  });

  test("a page that fell behind a compaction reads again, and loses neither its edits nor those of others", async () => {
    await using gateway = await gatewayOf();
    await using ada = await open(gateway, "ada");
    await using bob = await open(gateway, "bob");
    await converge(ada, bob);
    bob.cut();
    bob.doc.getText("text").insert(0, "bob ");
    const other = new Doc();
    const updates: string[] = [];
    other.on("update", (update: Uint8Array) =>
      updates.push(Buffer.from(update).toString("base64")),
    );
    for (let n = 0; n < 1_000; n++) other.getText("text").insert(n, "x");
    for (const update of updates) await gateway.publish("document:plan", "update", { update });
    bob.restore();
    const text = await converge(ada, bob);
    expect(text).toContain("bob ");
    expect(text.replace("bob ", "")).toBe("x".repeat(1_000));
  });

  test("a program that has closed its provider, client and gateway ends by itself", async () => {
    const program = `
      import { createClient } from "@milepost/client";
      import { createGateway } from "@milepost/server";
      import { MilepostProvider } from "@milepost/yjs";
      import { documentRules, yjsCompactor } from "@milepost/yjs/compactor";
      import { WebSocket } from "ws";
      import { Doc } from "yjs";
      const gateway = createGateway({
        auth: { tokenSecret: "s".repeat(48) },
        rules: documentRules(),
        compactors: { yjs: yjsCompactor() },
      });
      const { port } = await gateway.listen({ port: 0 });
      const client = createClient({
        url: "ws://127.0.0.1:" + port + "/ws",
        token: () => gateway.mintToken({ user: "ada", channels: ${JSON.stringify(channels)} }),
        webSocket: WebSocket,
      });
      const doc = new Doc();
      const provider = new MilepostProvider(client, "plan", doc);
      await new Promise((resolve) => provider.once("sync", resolve));
      const saved = new Promise((resolve) => provider.on("saved", (isSaved) => isSaved && resolve()));
      for (let n = 0; n < 300; n++) doc.getArray("list").push([n]);
      await saved;
      provider.destroy();
      await client.close();
      await gateway.close();`;
    const cwd = fileURLToPath(new URL("..", import.meta.url));
    await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", program], {
      cwd,
      timeout: waitMs,
    });
  });

  test("an update larger than a message is carried in pieces", async () => {
    await using gateway = await gatewayOf();
    await using ada = await open(gateway, "ada");
    await using bob = await open(gateway, "bob");
    ada.doc.getText("text").insert(0, "é".repeat(700_000));
    expect((await converge(ada, bob)).length).toBe(700_000);
  });

  test("what a page had before it connected is stored, and edits of an earlier visit are merged", async () => {
    await using gateway = await gatewayOf();
    const kept = new Doc();
    kept.getText("text").insert(0, "written offline ");
    await using ada = await open(gateway, "ada");
    ada.doc.getText("text").insert(0, "written online ");
    await converge(ada);
    await using bob = await open(gateway, "bob", "plan", kept);
    const text = await converge(ada, bob);
    expect(text).toContain("written offline ");
    expect(text).toContain("written online ");
  });

  test("entries that are no update change nothing, and the page is told", async () => {
    await using gateway = await gatewayOf();
    await using ada = await open(gateway, "ada");
    ada.doc.getText("text").insert(0, "fine");
    await converge(ada);
    const malformed: string[] = [];
    ada.provider.on("malformed", (position) => malformed.push(position));
    const unusable = Buffer.from("01010100010001740361626300", "hex").toString("base64");
    const bad = [
      { update: "%" },
      { update: "//8=" },
      1,
      null,
      { update: "" },
      { update: unusable },
    ];
    for (const data of bad) {
      await gateway.publish("document:plan", "update", data);
    }
    await vi.waitFor(() => expect(malformed).toHaveLength(bad.length), waitMs);
    await using bob = await open(gateway, "bob");
    expect(await converge(ada, bob)).toBe("fine");
  });

  test("a document that the token does not allow is refused, and edits of a reader stay in the page", async () => {
    await using gateway = await gatewayOf();
    const client = createClient({
      url: `ws://127.0.0.1:${gateway.address()?.port}/ws`,
      token: () => gateway.mintToken({ user: "ada", channels: { subscribe: ["document:plan"] } }),
      webSocket: WebSocket,
    });
    const refusals = (name: string, doc = new Doc()) => {
      const codes: string[] = [];
      const provider = new MilepostProvider(client, name, doc, { batchMs: 5, awareness: null });
      provider.on("refused", ({ code }) => codes.push(code));
      return { codes, provider, doc };
    };
    const foreign = refusals("other");
    await vi.waitFor(() => expect(foreign.codes).toEqual(["forbidden"]), waitMs);
    const own = refusals("plan");
    own.doc.getText("text").insert(0, "mine");
    await vi.waitFor(() => expect(own.codes).toEqual(["forbidden"]), waitMs);
    expect(own.doc.getText("text").toString()).toBe("mine");
    expect(own.provider.saved).toBe(false);
    await client.close();
  });

  test("cursors show who has the document open, and go with their page, also where it ends without a word", async () => {
    await using gateway = await gatewayOf();
    await using ada = await open(gateway, "ada");
    const names = () =>
      [...(ada.provider.awareness?.getStates().values() ?? [])].map(({ user }) => user?.name);
    ada.provider.awareness?.setLocalStateField("user", { name: "Ada", color: "#06c" });
    {
      await using bob = await open(gateway, "bob");
      bob.provider.awareness?.setLocalStateField("user", { name: "Bob", color: "#c60" });
      await vi.waitFor(() => expect(names()).toEqual(["Ada", "Bob"]), waitMs);
    }
    await vi.waitFor(() => expect(names()).toEqual(["Ada"]), waitMs);
    await using eve = await open(gateway, "eve");
    eve.provider.awareness?.setLocalStateField("user", { name: "Eve", color: "#0c6" });
    await vi.waitFor(() => expect(names()).toEqual(["Ada", "Eve"]), waitMs);
    const seen = [...(eve.provider.awareness?.getStates().values() ?? [])];
    expect(seen.map(({ user }) => user?.name)).toContain("Ada");
    eve.cut();
    await vi.waitFor(() => expect(names()).toEqual(["Ada"]), waitMs);
  });
});
