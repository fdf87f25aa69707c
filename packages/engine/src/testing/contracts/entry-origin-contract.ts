import { endEvent } from "@milepost/protocol";
import { describe, expect, test } from "vitest";
import type { LogPolicy, NewEntry } from "../../index.ts";
import type { MakeEngine } from "./engine-harness.ts";
import { entry, policy } from "./log-entries.ts";

/** Contract tests of what the channel log keeps of an entry's origin: signature, trace, publisher and owner of its id. */
export function entryOriginContract(name: string, make: MakeEngine): void {
  describe(`${name} channel log: signatures`, () => {
    const sig = `t=1767225600,n=nonce-of-a-test-0,k=2026-11,v1=${"ab".repeat(32)}`;
    const used: LogPolicy = { ...policy, rollUp: { segments: 1, policy } };

    test("[P-SIG-6] the signature of an entry is read, found, delivered and copied to the roll-up unchanged", async () => {
      await using harness = await make();
      const { log, bus } = harness.engine;
      const delivered: (string | undefined)[] = [];
      let arrived = () => {};
      const all = new Promise<void>((resolve) => {
        arrived = resolve;
      });
      bus.listen((publication) => {
        if (delivered.push(publication.sig) === 4) arrived();
      });
      await bus.subscribe("signed:log", used);
      await bus.subscribe("signed:*", policy);
      const signed = entry(1, { key: "k", priority: "low", sig });
      const { publication } = await log.append("signed:log", signed, used);
      expect(publication.sig).toBe(sig);
      await log.append("signed:log", entry(2), used);
      await all;
      expect(delivered.filter((each) => each === sig)).toHaveLength(2);
      const again = await log.append("signed:log", signed, used);
      expect(again).toMatchObject({ duplicate: true, publication: { sig } });
      expect(await log.find("signed:log", "somebody", "k", used)).toMatchObject({ sig });
      for (const [of, its] of [
        ["signed:log", used],
        ["signed:*", policy],
      ] as const) {
        const [first, second] = (await log.read(of, 0, 10, its)).entries;
        expect(first).toMatchObject({ sig, json: "1", priority: "low" });
        expect(second).not.toHaveProperty("sig");
        expect(first?.source).toBe(of === "signed:*" ? "signed:log" : undefined);
      }
    });
  });

  describe(`${name} channel log: trace contexts`, () => {
    const traceparent = `00-${"ab".repeat(16)}-${"cd".repeat(8)}-01`;
    const used: LogPolicy = { ...policy, rollUp: { segments: 1, policy } };
    const shown: LogPolicy = { ...policy, showsPublisher: true };

    test("[P-TRC-3] the trace context of an entry is read, found, delivered and copied to the roll-up unchanged", async () => {
      await using harness = await make();
      const { log, bus } = harness.engine;
      const delivered: (string | undefined)[] = [];
      let arrived = () => {};
      const all = new Promise<void>((resolve) => {
        arrived = resolve;
      });
      bus.listen((publication) => {
        if (delivered.push(publication.traceparent) === 4) arrived();
      });
      await bus.subscribe("traced:log", used);
      await bus.subscribe("traced:*", policy);
      const traced = entry(1, { key: "k", traceparent });
      const { publication } = await log.append("traced:log", traced, used);
      expect(publication.traceparent).toBe(traceparent);
      await log.append("traced:log", entry(2), used);
      await all;
      expect(delivered.filter((each) => each === traceparent)).toHaveLength(2);
      const again = await log.append("traced:log", traced, used);
      expect(again).toMatchObject({ duplicate: true, publication: { traceparent } });
      for (const [of, its] of [
        ["traced:log", used],
        ["traced:*", policy],
      ] as const) {
        const [first, second] = (await log.read(of, 0, 10, its)).entries;
        expect(first).toMatchObject({ traceparent, json: "1" });
        expect(first).not.toHaveProperty("publisher");
        expect(second).not.toHaveProperty("traceparent");
        expect(first?.source).toBe(of === "traced:*" ? "traced:log" : undefined);
      }
    });

    test("[P-TRC-3] a traced entry keeps its signature and its shown publisher", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      const sig = "t=1,n=nonce-of-a-test-0,k=k,v1=00";
      const one = entry(1, { publisher: "user:ann", sig, traceparent });
      await log.append("traced:shown", one, shown);
      const [read] = (await log.read("traced:shown", 0, 10, shown)).entries;
      expect(read).toMatchObject({ publisher: "user:ann", sig, traceparent });
    });
  });

  describe(`${name} channel log: publishers`, () => {
    const shown: LogPolicy = { ...policy, showsPublisher: true };
    const both: LogPolicy = { ...shown, rollUp: { segments: 1, policy: shown } };
    const own: LogPolicy = { ...shown, rollUp: { segments: 1, policy } };

    test("[P-RULE-22] a log that shows publishers stores, delivers and finds each entry with its publisher", async () => {
      await using harness = await make();
      const { log, bus } = harness.engine;
      const delivered: (string | undefined)[] = [];
      let arrived = () => {};
      const all = new Promise<void>((resolve) => {
        arrived = resolve;
      });
      bus.listen(({ publisher }) => {
        if (delivered.push(publisher) === 5) arrived();
      });
      await bus.subscribe("shown:both", both);
      await bus.subscribe("shown:*", shown);
      await bus.subscribe("hidden:own", policy);
      const sig = "t=1,n=nonce-of-a-test-0,k=k,v1=00";
      const first = entry(1, { publisher: "user:ann~40example.com", key: "k", sig });
      expect((await log.append("shown:both", first, both)).publication).toMatchObject({
        publisher: "user:ann~40example.com",
        sig,
      });
      await log.append("shown:both", entry(2, { publisher: "service:my key" }), both);
      await log.append("hidden:own", entry(1, { publisher: "guest:g1" }), policy);
      await all;
      const publishers = ["user:ann~40example.com", "service:my~20key"];
      expect(delivered).toEqual([...publishers.flatMap((each) => [each, each]), undefined]);
      for (const [of, its] of [
        ["shown:both", both],
        ["shown:*", shown],
      ] as const) {
        const { entries } = await log.read(of, 0, 10, its);
        expect(entries.map(({ publisher }) => publisher)).toEqual(publishers);
        expect(entries[0]).toMatchObject({ sig, json: "1" });
        expect(entries[0]?.source).toBe(of === "shown:*" ? "shown:both" : undefined);
      }
      const again = await log.append("shown:both", first, both);
      expect(again).toMatchObject({ duplicate: true, publication: { publisher: publishers[0] } });
      expect(await log.find("shown:both", first.publisher, "k", both)).toMatchObject({
        publisher: publishers[0],
      });
      const hidden = await log.read("hidden:own", 0, 10, policy);
      expect(hidden.entries[0]).not.toHaveProperty("publisher");
    });

    test("[P-RULE-22] a roll-up has the publishers only if its own policy shows them, and an end has none", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      await log.append("hush:own", entry(1, { publisher: "user:ann" }), own);
      const [copy] = (await log.read("hush:*", 0, 10, policy)).entries;
      expect(copy).toMatchObject({ source: "hush:own" });
      expect(copy).not.toHaveProperty("publisher");
      expect((await log.read("hush:own", 0, 10, own)).entries[0]?.publisher).toBe("user:ann");
      const end = { event: endEvent, json: '{"reason":"complete"}', publisher: "user:ann" };
      expect((await log.append("hush:own", end, own)).publication).not.toHaveProperty("publisher");
      expect((await log.read("hush:own", 1, 10, own)).end).not.toHaveProperty("publisher");
    });

    test("[P-RULE-22] a chat's state has the publisher of each message where the log shows publishers", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      for (const [channel, its] of [
        ["say:a", { ...shown, projection: "chat" }],
        ["say:b", { ...policy, projection: "chat" }],
      ] as const) {
        const json = '{"id":"m","content":"Hello","role":"user"}';
        await log.append(channel, { event: "chat_message", json, publisher: "user:ann" }, its);
        const { snapshot } = await log.snapshot(channel, its);
        const state = snapshot?.state as { messages?: readonly object[] } | undefined;
        const messages = state?.messages ?? [];
        const by = its.showsPublisher === true ? { publisher: "user:ann" } : {};
        expect(messages).toEqual([expect.objectContaining({ id: "m", ...by })]);
        if (its.showsPublisher !== true) expect(messages[0]).not.toHaveProperty("publisher");
      }
    });
  });

  describe(`${name} channel log: owners of ids`, () => {
    const by = (publisher: string, id?: string, rest: Partial<NewEntry> = {}): NewEntry =>
      entry(1, { publisher, claim: { id }, ...rest });
    const service = (id: string): NewEntry =>
      entry(1, { publisher: "service:agent", claim: { id, anyOwner: true } });
    const refused = (append: Promise<unknown>) =>
      expect(append).rejects.toMatchObject({ code: "forbidden" });

    test("[P-RULE-21] an id belongs to its first publisher: an entry of another one is refused and not stored", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      await log.append("ids:a", by("user:ann", "m 1"), policy);
      await refused(log.append("ids:a", by("user:eve", "m 1"), policy));
      await refused(log.append("ids:a", by("user:ann2", "m 1"), policy));
      await log.append("ids:a", by("user:ann", "m 1"), policy);
      await log.append("ids:a", by("user:eve", "m"), policy);
      await log.append("ids:b", by("user:eve", "m 1"), policy);
      await log.append("ids:a", service("m 1"), policy);
      await refused(log.append("ids:a", by("user:eve", "m 1"), policy));
      await log.append("ids:a", service("s"), policy);
      await refused(log.append("ids:a", by("user:ann", "s"), policy));
      expect((await log.read("ids:a", 0, 10, policy)).head.offset).toBe(5);
    });

    test("[P-RULE-21] of many publishers that use an id at once, one is its author", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      const publishers = Array.from({ length: 10 }, (_, n) => `user:u${n}`);
      const outcomes = await Promise.allSettled(
        publishers.map((publisher) => log.append("ids:race", by(publisher, "m"), policy)),
      );
      expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      expect((await log.read("ids:race", 0, 20, policy)).head.offset).toBe(1);
    });

    test("[P-RULE-21] an entry without an id belongs to its publisher by @ and its offset, which nobody can take before", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      await refused(log.append("ids:at", by("user:eve", "@1"), policy));
      await log.append("ids:at", by("user:ann"), policy);
      await refused(log.append("ids:at", by("user:eve", "@1"), policy));
      await refused(log.append("ids:at", by("user:eve", "@2"), policy));
      const { publication } = await log.append("ids:at", by("user:ann", "@1"), policy);
      expect(publication.position.offset).toBe(2);
    });

    test("[P-RULE-21] a repeated publish of the author is a duplicate, and one with a foreign id is refused again", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      const first = by("user:ann", "m", { key: "k" });
      await log.append("ids:key", first, policy);
      expect(await log.append("ids:key", first, policy)).toMatchObject({ duplicate: true });
      const other = by("user:eve", "m", { key: "k" });
      await refused(log.append("ids:key", other, policy));
      await refused(log.append("ids:key", other, policy));
    });

    test("[P-RULE-21] ids in use are never forgotten, and of the others at most 1,000 are remembered where a log keeps 500", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      const few: LogPolicy = { ...policy, maxEntries: 20 };
      await log.append("ids:many", by("user:ann", "used"), few);
      await log.append("ids:many", by("user:ann", "unused"), few);
      for (let n = 0; n < 1_050; n += 50) {
        await Promise.all(
          Array.from({ length: 50 }, (_, i) =>
            log.append("ids:many", by("user:bob", `other-${n + i}`), few),
          ),
        );
        if (n === 400) await refused(log.append("ids:many", by("user:eve", "unused"), few));
        await log.append("ids:many", by("user:ann", "used"), few);
      }
      await refused(log.append("ids:many", by("user:eve", "used"), few));
      await refused(log.append("ids:many", by("user:eve", "other-600"), few));
      await log.append("ids:many", by("user:eve", "unused"), few);
    });

    test("[P-RULE-21] a purge forgets the owners, and the copies in a roll-up claim nothing", async () => {
      await using harness = await make();
      const { log } = harness.engine;
      const rolled: LogPolicy = { ...policy, rollUp: { segments: 1, policy } };
      await log.append("idsup:a", by("user:ann", "m"), rolled);
      await log.append("idsup:b", by("user:eve", "m"), rolled);
      await refused(log.append("idsup:a", by("user:eve", "m"), rolled));
      await log.purge("idsup:a", rolled);
      await log.append("idsup:a", by("user:eve", "m"), rolled);
    });
  });
}
