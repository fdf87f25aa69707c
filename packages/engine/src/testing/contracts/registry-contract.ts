import { describe, expect, test } from "vitest";
import type { RegisteredConnection, RegisteredNode, Registry, RegistryQuery } from "../../index.ts";
import type { MakeEngine } from "./engine-harness.ts";

const ttlMs = 10_000;

function node(id: string, connections = 0): RegisteredNode {
  return { id, name: `node ${id}`, since: 5, connections };
}

function connection(
  id: string,
  since: number,
  user = "ada",
  session?: string,
): RegisteredConnection {
  const whose = session === undefined ? { user } : { user, session };
  return { id, since, consumer: "websocket", ...whose };
}

/** Contract tests of the registry; every engine runs them. */
export function registryContract(name: string, make: MakeEngine): void {
  const ids = async (registry: Registry, query: RegistryQuery, limit = 100) =>
    (await registry.list(query, limit)).map(({ id, node: at }) => `${id}@${at}`).toSorted();

  describe(`${name} registry`, () => {
    test("[C8] the registry lists live nodes with their connection counts until they stop refreshing", async () => {
      await using harness = await make();
      const { registry } = harness.engine;
      expect(await registry.nodes()).toEqual([]);
      await registry.refresh(node("b", 2), ttlMs);
      const nodes = [node("a"), node("b", 2)];
      expect(await registry.refresh(node("a"), ttlMs)).toEqual({ nodes, isNew: true });
      expect(await registry.refresh(node("a"), ttlMs)).toEqual({ nodes, isNew: false });
      await harness.advance(6_000);
      await registry.refresh(node("a", 7), ttlMs);
      await harness.advance(6_000);
      expect(await registry.nodes()).toEqual([node("a", 7)]);
      await registry.leave("a");
      expect(await registry.nodes()).toEqual([]);
    });

    test("[C8] connections are found by node, user, session and id, the longest open first", async () => {
      await using harness = await make();
      const { registry } = harness.engine;
      await registry.refresh(node("n"), ttlMs);
      await registry.refresh(node("m"), ttlMs);
      const second = connection("2", 20, "ada", "s");
      await registry.change("n", { enter: [second, connection("3", 30, "bob", "s")], leave: [] });
      await registry.change("m", { enter: [connection("1", 10)], leave: [] });
      expect(await registry.list({ user: "ada" }, 100)).toEqual([
        { ...connection("1", 10), node: "m" },
        { ...second, node: "n" },
      ]);
      expect(await ids(registry, { user: "ada" }, 1)).toEqual(["1@m"]);
      expect(await ids(registry, { session: "s" })).toEqual(["2@n", "3@n"]);
      expect(await ids(registry, { node: "n" })).toEqual(["2@n", "3@n"]);
      expect(await ids(registry, { connection: "1" })).toEqual(["1@m"]);
      expect(await ids(registry, { connection: "none" })).toEqual([]);
      expect(await ids(registry, { user: "s" })).toEqual([]);
    });

    test("a connection entered twice is listed once, and a connection that left is found nowhere", async () => {
      await using harness = await make();
      const { registry } = harness.engine;
      await registry.refresh(node("n"), ttlMs);
      const one = connection("1", 1, "ada", "s");
      await registry.change("n", { enter: [one, connection("2", 2)], leave: [] });
      await registry.change("n", { enter: [one], leave: [] });
      expect(await ids(registry, { user: "ada" })).toEqual(["1@n", "2@n"]);
      await registry.change("n", { enter: [], leave: [one] });
      await registry.change("n", { enter: [], leave: [one] });
      expect(await ids(registry, { user: "ada" })).toEqual(["2@n"]);
      expect(await ids(registry, { session: "s" })).toEqual([]);
      expect(await ids(registry, { connection: "1" })).toEqual([]);
    });

    test("a connection that moved is listed at its new node, even when the old node reports its leave later", async () => {
      await using harness = await make();
      const { registry } = harness.engine;
      await registry.refresh(node("n"), ttlMs);
      await registry.refresh(node("m"), ttlMs);
      await registry.change("n", { enter: [connection("1", 1)], leave: [] });
      await registry.change("m", { enter: [connection("1", 2)], leave: [] });
      await registry.change("n", { enter: [], leave: [connection("1", 1)] });
      expect(await ids(registry, { user: "ada" })).toEqual(["1@m"]);
      expect(await ids(registry, { connection: "1" })).toEqual(["1@m"]);
    });

    test("thousands of connections can be entered and removed in one change", async () => {
      await using harness = await make();
      const { registry } = harness.engine;
      await registry.refresh(node("n"), ttlMs);
      const many = Array.from({ length: 3_000 }, (_, n) =>
        connection(`c${n}`, n, `u${n}`, `s${n}`),
      );
      await registry.change("n", { enter: many, leave: [] });
      expect(await registry.list({ node: "n" }, 1_000)).toHaveLength(1_000);
      expect(await ids(registry, { user: "u2999" })).toEqual(["c2999@n"]);
      await registry.change("n", { enter: [], leave: many });
      expect(await registry.list({ node: "n" }, 1_000)).toEqual([]);
      expect(await ids(registry, { session: "s7" })).toEqual([]);
    });

    test("[G8] the connections of a dead node are not listed after its ttlMs, and a sweep removes them", async () => {
      await using harness = await make();
      const { registry } = harness.engine;
      await registry.refresh(node("dead"), ttlMs);
      await registry.change("dead", { enter: [connection("1", 1, "ada", "s")], leave: [] });
      expect(await registry.sweep()).toBe(0);
      await harness.advance(ttlMs + 1_000);
      await registry.refresh(node("n"), ttlMs);
      await registry.change("n", { enter: [connection("2", 2)], leave: [] });
      expect(await ids(registry, { user: "ada" })).toEqual(["2@n"]);
      expect(await ids(registry, { node: "dead" })).toEqual([]);
      expect(await registry.sweep()).toBe(1);
      expect(await registry.sweep()).toBe(0);
      // A node that was only paused is new to the registry, and must enter its connections again.
      expect(await registry.refresh(node("dead"), ttlMs)).toMatchObject({ isNew: true });
      expect(await ids(registry, { node: "dead" })).toEqual([]);
      expect(await ids(registry, { session: "s" })).toEqual([]);
      expect(await ids(registry, { user: "ada" })).toEqual(["2@n"]);
    });

    describe("claims", () => {
      const claim = (id: string, limits = { user: 2, session: 1 }) => ({
        connection: connection(id, 1, "ada", "s"),
        limits,
      });
      const two = { user: 2 };

      test("[P-ADM-6] of claims that all nodes make at once, exactly as many are counted as the owner may have", async () => {
        await using harness = await make();
        const { registry } = harness.engine;
        await registry.refresh(node("n"), ttlMs);
        await registry.refresh(node("m"), ttlMs);
        const answers = await Promise.all(
          Array.from({ length: 20 }, (_, n) =>
            registry.claim(n % 2 === 0 ? "n" : "m", [{ ...claim(`c${n}`), limits: { user: 7 } }]),
          ),
        );
        expect(answers.filter(([full]) => full === undefined)).toHaveLength(7);
        expect(answers.filter(([full]) => full === "user")).toHaveLength(13);
      });

      test("[P-ADM-6] a claim that one owner refuses counts for no owner, and says which owner is full", async () => {
        await using harness = await make();
        const { registry } = harness.engine;
        await registry.refresh(node("n"), ttlMs);
        expect(await registry.claim("n", [claim("1"), claim("2")])).toEqual([undefined, "session"]);
        const other = { connection: connection("3", 1), limits: two };
        expect(
          await registry.claim("n", [other, { ...other, connection: connection("4", 1) }]),
        ).toEqual([undefined, "user"]);
      });

      test("a connection that is counted already is not counted twice, and one that left is not counted", async () => {
        await using harness = await make();
        const { registry } = harness.engine;
        await registry.refresh(node("n"), ttlMs);
        const one = connection("1", 1, "ada", "s");
        await registry.change("n", { enter: [one], leave: [] });
        expect(await registry.claim("n", [claim("1")])).toEqual([undefined]);
        expect(await registry.claim("n", [claim("2")])).toEqual(["session"]);
        await registry.change("n", { enter: [], leave: [one] });
        expect(await registry.claim("n", [claim("2")])).toEqual([undefined]);
      });

      test("an owner without a limit, and a connection without an owner, is never full", async () => {
        await using harness = await make();
        const { registry } = harness.engine;
        await registry.refresh(node("n"), ttlMs);
        const nobody = { id: "x", since: 1, consumer: "sse" } as const;
        const answers = await registry.claim("n", [
          { connection: connection("1", 1), limits: {} },
          { connection: connection("2", 1), limits: {} },
          { connection: nobody, limits: { user: 0, session: 0 } },
        ]);
        expect(answers).toEqual([undefined, undefined, undefined]);
      });

      test("[P-ADM-6] [G8] a recount removes the connections of a dead node and lost claims, and no fresh claim", async () => {
        await using harness = await make();
        const { registry } = harness.engine;
        const at = (id: string) => ({ connection: connection(id, 1), limits: two });
        await registry.refresh(node("dead"), ttlMs);
        await registry.claim("dead", [at("1")]);
        await registry.change("dead", { enter: [connection("1", 1)], leave: [] });
        await harness.advance(ttlMs + 1_000);
        await registry.refresh(node("n"), ttlMs);
        expect(await registry.claim("n", [at("2")])).toEqual([undefined]);
        await registry.recount({ user: "ada" });
        expect(await registry.claim("n", [at("3")])).toEqual([undefined]);
        await registry.recount({ user: "ada" });
        expect(await registry.claim("n", [at("4")])).toEqual(["user"]);
        expect(await ids(registry, { user: "ada" })).not.toContain("1@dead");
      });
    });
  });
}
