import type { EngineFactory, NewEntry } from "@milepost/engine";
import {
  altered,
  FaultyEngine,
  ManualClock,
  SeededRandom,
  SharedEngine,
} from "@milepost/engine/testing";
import type { SharedSummary } from "@milepost/model";
import { describe, expect, test } from "vitest";
import type { ServicePrincipal } from "../rules/principal.ts";
import type { Rule } from "../rules/rule.ts";
import { ServiceScopes } from "../rules/service-scopes.ts";
import { type Received, type TestCore, testCore } from "../testing/index.ts";

const operation = {
  kind: "index",
  title: "Index",
  operation_id: "9",
  user_id: "ada",
  session_id: "s1",
  collection_id: "42",
};
const error = { code: "bad_document", message: "ada's file is broken", retryable: false };

async function read(t: TestCore, channel = "collection:42"): Promise<readonly SharedSummary[]> {
  const { entries } = await t.core.channels.history(t.service, channel, { since: "start" });
  return entries
    .filter(({ event }) => event === "operation")
    .map(({ data }) => data as SharedSummary);
}

/** Words that a reader sees of the operation's life, one for each summary. */
async function life(t: TestCore, channel?: string): Promise<readonly string[]> {
  return (await read(t, channel)).map(
    ({ status, current_step, percent }) => `${status} ${current_step ?? "-"} ${percent}`,
  );
}

async function run(t: TestCore, events: readonly object[], input: object = operation) {
  const { lease, operation } = await t.core.operations.create(t.service, input as never);
  await t.core.operations.report(t.service, operation.id, {
    lease: lease.token,
    events: events as never,
  });
  return lease.token;
}

const work = [
  { event: "started", data: {}, key: "1" },
  { event: "step", data: { id: "read", percent: 50 }, key: "2" },
  { event: "step", data: { id: "read", status: "done" }, key: "3" },
  { event: "done", data: {}, key: "4" },
];
const wholeLife = ["waiting - 0", "running - 0", "running read 50", "running - 100", "done - 100"];

function scoped(...scopes: string[]): ServicePrincipal {
  const read = ServiceScopes.read(scopes);
  if (typeof read === "string") throw new Error(read);
  return { kind: "service", name: "worker", scopes: read };
}

describe("an operation of a collection", () => {
  test("[P-OP-12] each change of an operation reaches the channel of its collection and its roll-up once, in order", async () => {
    await using t = testCore();
    await run(t, work);
    expect(await life(t)).toEqual(wholeLife);
    expect(await life(t, "collection:42:*")).toEqual(wholeLife);
    expect(await life(t, "collection:43")).toEqual([]);
  });

  test("[P-OP-12] a late subscriber of a collection receives the latest summary of each operation as its state", async () => {
    await using t = testCore();
    await run(t, work);
    await run(t, work.slice(0, 1), { ...operation, operation_id: "10" });
    const socket = t.connect({
      principal: t.user("bob", { grants: { subscribe: ["collection:{c}"], publish: [] } }),
    });
    socket.send({ type: "subscribe", id: 1, channel: "collection:42" });
    await t.clock.settle();
    const { result } = socket.take().at(-1) as { result: Received };
    expect(result.snapshot).toMatchObject({
      projection: "keyed:operation_id",
      state: { 9: { status: "done" }, 10: { status: "running" } },
    });
  });

  test("[P-OP-12] belongs_to names any other channel, and ids of collections are encoded in their channel's name", async () => {
    await using t = testCore();
    await run(t, work, { ...operation, collection_id: "a b", belongs_to: "project:5:runs" });
    expect(await life(t, "project:5:runs")).toEqual(wholeLife);
    expect(await life(t, "collection:a~20b:*")).toEqual(wholeLife);
    const both = { ...operation, operation_id: "10", belongs_to: "collection:42" };
    await run(t, work, both);
    expect(await life(t)).toEqual(wholeLife);
    expect((await read(t))[0]).toMatchObject({ collection_id: "42", belongs_to: "collection:42" });
  });

  test("[P-OP-13] summaries in the channel name neither user nor session and hold no text of an error", async () => {
    await using t = testCore();
    await run(t, [{ event: "failed", data: { error } }]);
    const text = JSON.stringify(await read(t));
    for (const secret of ["ada", "s1", "file is broken", "user_id", "session_id"]) {
      expect(text).not.toContain(secret);
    }
    expect((await read(t)).at(-1)).toMatchObject({
      status: "failed",
      error: { code: "bad_document", retryable: false },
    });
    expect((await read(t, "user:ada")).at(-1)).toMatchObject({ error, session_id: "s1" });
  });

  test("[P-OP-13] a rule may show the user, the session and the error's text", async () => {
    const rule: Rule = {
      pattern: "collection:{collection}",
      subscribe: "granted",
      publish: "granted",
      retention: { maxEntries: 100, maxAgeMs: 3_600_000 },
      summaryFields: ["user_id", "error"],
    };
    await using t = testCore({ rules: [rule] });
    await run(t, [{ event: "failed", data: { error } }]);
    const last = (await read(t)).at(-1);
    expect(last).toMatchObject({ user_id: "ada", error });
    expect(last).not.toHaveProperty("session_id");
  });

  test.each([
    ["operations", "collection_id", "42"],
    ["operations publish:collection:41", "collection_id", "42"],
    ["operations publish:collection:42", "belongs_to", "collection:43"],
    ["operations publish", "belongs_to", "operation:7"],
    ["operations publish", "belongs_to", "gateway:operations"],
  ])(
    "[P-OP-14] with the scopes %s an operation whose %s is %s is forbidden, and nothing is created",
    async (scopes, field, value) => {
      await using t = testCore();
      const { collection_id: _, ...bare } = operation;
      const input = { ...bare, [field]: value } as never;
      await expect(
        t.core.operations.create(scoped(...scopes.split(" ")), input),
      ).rejects.toMatchObject({ code: "forbidden" });
      await expect(t.core.operations.get(t.service, "9")).rejects.toMatchObject({
        code: "not_found",
      });
    },
  );

  test("[P-OP-14] a key that may publish to the collection alone creates its operations", async () => {
    await using t = testCore();
    await t.core.operations.create(scoped("operations", "publish:collection:42"), operation);
    expect(await life(t)).toEqual(["waiting - 0"]);
  });

  test.each([
    ["collection:42:*", "invalid_channel"],
    ["a b", "invalid_channel"],
  ])("[P-OP-14] belongs_to %s is no channel to publish to: %s", async (belongs_to, code) => {
    await using t = testCore();
    const input = { ...operation, belongs_to };
    await expect(t.core.operations.create(t.service, input)).rejects.toMatchObject({ code });
  });

  test("[P-OP-14] a channel whose contract has no event operation, or that is encrypted, takes no operations", async () => {
    const closed = {
      pattern: "vault:{vault}",
      subscribe: "granted",
      publish: "granted",
      retention: { maxEntries: 100, maxAgeMs: 3_600_000 },
      encrypted: true,
    } as const;
    const contract = { channels: { "project:{project}": { events: { built: {} as never } } } };
    await using t = testCore({ rules: [closed], contract: contract as never });
    const to = (belongs_to: string) =>
      t.core.operations.create(t.service, { ...operation, belongs_to });
    await expect(to("vault:1")).rejects.toMatchObject({ code: "invalid_data" });
    await expect(to("project:1")).rejects.toMatchObject({ code: "invalid_event" });
  });

  test("[P-OP-15] an ended channel takes no more summaries, and the operation goes on", async () => {
    await using t = testCore();
    const lease = await run(t, work.slice(0, 1));
    await t.core.channels.end(t.service, "collection:42");
    await t.core.operations.report(t.service, "9", { lease, events: work.slice(1) });
    expect((await t.core.operations.get(t.service, "9")).operation.status).toBe("done");
    expect(await life(t)).toEqual(["waiting - 0", "running - 0"]);
    expect(t.faults).toEqual([]);
  });
});

describe("summaries while the store fails", () => {
  const isSummary = ({ event, publisher, key }: NewEntry) =>
    event === "operation" && publisher === "gateway:operations" && key?.includes("@") === true;

  test("[P-OP-15] summaries that the store refused are all published when it takes them again, each once and in order", async () => {
    const engine = new FaultyEngine();
    await using t = testCore({ engine: engine.factory });
    const lease = await run(t, work.slice(0, 1));
    engine.refuses = isSummary;
    await t.core.operations.report(t.service, "9", { lease, events: work.slice(1, 3) });
    await t.core.operations.report(t.service, "9", { lease, events: work.slice(3) });
    expect(await life(t)).toEqual(wholeLife.slice(0, 2));
    await t.clock.advance(60_000);
    engine.refuses = () => false;
    await t.clock.advance(40_000);
    expect(await life(t)).toEqual(wholeLife);
    expect(await life(t, "collection:42:*")).toEqual(wholeLife);
  });

  test("[P-OP-15] summaries whose answers were lost are published once", async () => {
    const engine = new FaultyEngine();
    await using t = testCore({ engine: engine.factory });
    engine.losesAnswer = isSummary;
    await run(t, work);
    engine.losesAnswer = () => false;
    await t.clock.advance(40_000);
    expect(await life(t)).toEqual(wholeLife);
    expect(await life(t, "collection:42:*")).toEqual(wholeLife);
  });

  test("[P-OP-15] a node that shuts down publishes what is missing if the store takes it", async () => {
    const engine = new FaultyEngine();
    const t = testCore({ engine: engine.factory });
    engine.refuses = isSummary;
    await run(t, work);
    const stored: string[] = [];
    engine.refuses = (entry) => {
      if (isSummary(entry)) stored.push((JSON.parse(entry.json) as SharedSummary).status);
      return false;
    };
    await t[Symbol.asyncDispose]();
    // The user's and the session's last summary becomes a dead letter instead.
    expect(stored).toEqual(["waiting", "running", "running", "running", "done"]);
  });
});

/** Two nodes on one store. The first dies at one of its summaries: before the store has it, or right after. */
function twoNodes(dies: (json: string) => boolean, stores: boolean) {
  const clock = new ManualClock();
  const engine = new SharedEngine(clock, new SeededRandom());
  engine.isShared = true;
  const mortal = engine.mortal();
  const dying: EngineFactory = (context) => {
    const made = mortal.factory(context);
    const append: typeof made.log.append = async (channel, entry, policy) => {
      if (!channel.startsWith("collection:") || !dies(entry.json)) {
        return made.log.append(channel, entry, policy);
      }
      if (stores) await made.log.append(channel, entry, policy);
      mortal.die();
      return made.log.append(channel, entry, policy);
    };
    return { ...made, log: altered(made.log, { append }) };
  };
  const node = (name: string, seed: number, factory: EngineFactory) =>
    testCore({ clock, random: new SeededRandom(seed), node: name, engine: factory });
  // The node that dies is created last, so that the other one holds the sweep lease.
  const b = node("b", 2, engine.factory);
  const a = node("a", 1, dying);
  return {
    clock,
    a,
    b,
    [Symbol.asyncDispose]: async () => {
      await a[Symbol.asyncDispose]();
      await b[Symbol.asyncDispose]();
    },
  };
}

describe("summaries over two nodes", () => {
  test("[P-OP-15] reports that alternate between nodes give each summary once, in order", async () => {
    await using t = twoNodes(() => false, false);
    const { lease } = await t.a.core.operations.create(t.a.service, operation);
    for (const [n, event] of work.entries()) {
      const node = n % 2 === 0 ? t.b : t.a;
      await node.core.operations.report(node.service, "9", { lease: lease.token, events: [event] });
    }
    expect(await life(t.b)).toEqual(wholeLife);
    expect(await life(t.b, "collection:42:*")).toEqual(wholeLife);
  });

  test("[P-OP-15] reports to two nodes at once give each summary once, in the order of the operation's log", async () => {
    await using t = twoNodes(() => false, false);
    const { lease } = await t.a.core.operations.create(t.a.service, operation);
    await Promise.all(
      Array.from({ length: 40 }, (_, n) => {
        const node = n % 2 === 0 ? t.b : t.a;
        const event = { event: "progress", data: { percent: n + 1 } };
        return node.core.operations.report(node.service, "9", {
          lease: lease.token,
          events: [event],
        });
      }),
    );
    const percents = (await read(t.b)).map(({ percent }) => percent);
    expect(percents).toEqual([...new Set(percents)].sort((a, b) => a - b));
    expect(percents.at(-1)).toBe(40);
  });

  for (const stores of [false, true]) {
    const when = stores ? "right after" : "before";
    const at = (status: string) => (json: string) =>
      (JSON.parse(json) as SharedSummary).status === status;

    test(`[P-OP-15] a report repeated to another node publishes the summaries of the node that died ${when} storing one`, async () => {
      await using t = twoNodes(at("running"), stores);
      const { lease } = await t.a.core.operations.create(t.a.service, operation);
      const report = { lease: lease.token, events: work };
      void t.a.core.operations.report(t.a.service, "9", report).catch(() => {});
      await t.clock.settle();
      await t.b.core.operations.report(t.b.service, "9", report);
      expect(await life(t.b)).toEqual(wholeLife);
      expect(await life(t.b, "collection:42:*")).toEqual(wholeLife);
    });

    test(`[P-OP-15] a create repeated to another node publishes the summary of the node that died ${when} storing it`, async () => {
      await using t = twoNodes(at("waiting"), stores);
      await t.a.core.operations.create(t.a.service, operation).catch(() => {});
      expect(await t.b.core.operations.create(t.b.service, operation)).toMatchObject({
        duplicate: true,
      });
      expect(await life(t.b)).toEqual(["waiting - 0"]);
    });

    test(`[P-OP-15] another node publishes the end of an operation whose node died ${when} storing its summary, though its producer never returns`, async () => {
      await using t = twoNodes(at("done"), stores);
      const { lease } = await t.a.core.operations.create(t.a.service, operation);
      const report = { lease: lease.token, events: work };
      void t.a.core.operations.report(t.a.service, "9", report).catch(() => {});
      await t.clock.advance(40_000);
      expect(await life(t.b)).toEqual(wholeLife);
    });
  }
});
