import { describe, expect, test } from "vitest";
import type { Inbox, InboxOwner, NewInboxItem } from "../../index.ts";
import type { MakeEngine } from "./engine-harness.ts";

const dayMs = 86_400_000;
const bounds = { maxItems: 5, maxLength: 1_000, maxAgeMs: 90 * dayMs };
const ada: InboxOwner = "user:ada";

const note = (id: string, json = '"n"'): NewInboxItem => ({ id, kind: "notification", json });
const question = (id: string): NewInboxItem => ({ id, kind: "question", json: '{"prompt":"?"}' });

/** Contract tests of the inbox; every engine runs them. */
export function inboxContract(name: string, make: MakeEngine): void {
  const ids = async (inbox: Inbox, filter: "shown" | "unread" | "open" | "snoozed" | "all") =>
    (await inbox.list(ada, { filter, limit: 100 }, bounds)).items.map(({ id }) => id);

  const settleAll = async (inbox: Inbox) => {
    const { pending } = await inbox.wake(ada, bounds);
    await inbox.settle(ada, pending);
  };

  describe(`${name} inbox`, () => {
    test("[P-INB-1] an inbox has an id once, however often it is put, and lists the newest first", async () => {
      await using harness = await make();
      const { inbox } = harness.engine;
      const put = await inbox.put(ada, { ...note("a"), role: "ops" }, bounds);
      expect(put).toMatchObject({
        result: "added",
        revision: 1,
        counts: { total: 1, unread: 1, open: 0, snoozed: 0 },
        pending: [{ id: "a", revision: 1, news: "new", item: { ...note("a"), role: "ops" } }],
      });
      expect(await inbox.put(ada, note("a", '"other"'), bounds)).toMatchObject({
        result: "known",
        revision: 1,
      });
      await inbox.put(ada, question("b"), bounds);
      expect(await ids(inbox, "shown")).toEqual(["b", "a"]);
      expect(await inbox.get(ada, "a")).toMatchObject({ json: '"n"', place: 1, revision: 1 });
      expect(await inbox.get("user:bo", "a")).toBeUndefined();
      expect(await inbox.list("user:bo", { filter: "all", limit: 9 }, bounds)).toEqual({
        items: [],
        revision: 0,
        counts: { total: 0, unread: 0, open: 0, snoozed: 0 },
      });
    });

    test("[P-INB-3] read state stays, and a repeated read changes nothing", async () => {
      await using harness = await make();
      const { inbox } = harness.engine;
      for (const id of ["a", "b", "c"]) await inbox.put(ada, note(id), bounds);
      const first = await inbox.mark(ada, ["a", "none"], { read: true }, bounds);
      expect(first).toMatchObject({ marked: 1, revision: 4, counts: { total: 3, unread: 2 } });
      const readAt = (await inbox.get(ada, "a"))?.readAt;
      expect(readAt).toBeTypeOf("number");
      await harness.advance(1_000);
      expect(await inbox.mark(ada, ["a"], { read: true }, bounds)).toMatchObject({ revision: 4 });
      expect(await inbox.get(ada, "a")).toMatchObject({ readAt });
      expect(await inbox.put(ada, note("a"), bounds)).toMatchObject({ result: "known" });
      expect(await ids(inbox, "unread")).toEqual(["c", "b"]);
      expect(await inbox.mark(ada, "all", { read: true }, bounds)).toMatchObject({
        marked: 3,
        counts: { total: 3, unread: 0 },
      });
    });

    test("[P-INB-4] a snoozed item is hidden until its time, and then comes back as the newest", async () => {
      await using harness = await make();
      const { inbox } = harness.engine;
      const { pending } = await inbox.put(ada, question("a"), bounds);
      await inbox.put(ada, note("b"), bounds);
      const at = pending[0]?.item?.at ?? 0;
      await settleAll(inbox);
      const snoozed = await inbox.mark(ada, ["a"], { snoozedUntil: at + 60_000 }, bounds);
      expect(snoozed).toMatchObject({
        counts: { total: 1, unread: 1, open: 1, snoozed: 1 },
        pending: [{ id: "a", news: "marked", item: { snoozedUntil: at + 60_000 } }],
      });
      await settleAll(inbox);
      expect(await ids(inbox, "shown")).toEqual(["b"]);
      expect(await ids(inbox, "snoozed")).toEqual(["a"]);
      expect(await ids(inbox, "open")).toEqual(["a"]);
      expect(await ids(inbox, "all")).toEqual(["b", "a"]);
      await harness.advance(30_000);
      expect(await inbox.due(10)).toEqual([]);
      expect(await inbox.wake(ada, bounds)).toMatchObject({ pending: [] });
      await harness.advance(31_000);
      expect(await inbox.due(10)).toEqual([ada]);
      const woken = await inbox.wake(ada, bounds);
      expect(woken).toMatchObject({
        counts: { total: 2, unread: 2, snoozed: 0 },
        pending: [{ id: "a", news: "back" }],
      });
      expect(woken.pending[0]?.item).not.toHaveProperty("snoozedUntil");
      expect(await ids(inbox, "shown")).toEqual(["a", "b"]);
      await inbox.settle(ada, woken.pending);
      expect(await inbox.due(10)).toEqual([]);
    });

    test("[P-INB-4] a snooze whose time has passed brings the item back at once", async () => {
      await using harness = await make();
      const { inbox } = harness.engine;
      await inbox.put(ada, note("a"), bounds);
      await inbox.mark(ada, ["a"], { snoozedUntil: 9e12 }, bounds);
      await inbox.mark(ada, ["a"], { snoozedUntil: 1 }, bounds);
      expect(await ids(inbox, "shown")).toEqual(["a"]);
    });

    test("[P-INB-2] the oldest notifications make room, and an open question never does", async () => {
      await using harness = await make();
      const { inbox } = harness.engine;
      await inbox.put(ada, question("q1"), bounds);
      await inbox.put(ada, note("n1"), bounds);
      await inbox.put(ada, question("q2"), bounds);
      for (const id of ["n2", "n3", "n4"]) await inbox.put(ada, note(id), bounds);
      expect(await ids(inbox, "all")).toEqual(["n4", "n3", "n2", "q2", "q1"]);
      for (const id of ["q3", "q4", "q5"]) await inbox.put(ada, question(id), bounds);
      expect(await ids(inbox, "all")).toEqual(["q5", "q4", "q3", "n4", "q2", "q1"]);
      expect(await inbox.put(ada, question("q6"), bounds)).toMatchObject({ result: "full" });
      await inbox.put(ada, note("n5"), bounds);
      expect(await ids(inbox, "all")).toEqual(["n5", "q5", "q4", "q3", "q2", "q1"]);
      await inbox.put(ada, note("n6", `"${"x".repeat(2_000)}"`), bounds);
      expect(await ids(inbox, "all")).toEqual(["n6", "q5", "q4", "q3", "q2", "q1"]);
    });

    test("[P-INB-2] a notification is dropped after its age, an open question is kept for years", async () => {
      await using harness = await make();
      const { inbox } = harness.engine;
      await inbox.put(ada, note("n"), bounds);
      await inbox.put(ada, question("q"), bounds);
      await settleAll(inbox);
      for (let day = 0; day < 400; day += 20) {
        await harness.advance(20 * dayMs);
        for (const owner of await inbox.due(10)) {
          const { pending } = await inbox.wake(owner, bounds);
          await inbox.settle(owner, pending);
        }
      }
      expect(await ids(inbox, "all")).toEqual(["q"]);
    });

    test("[P-INB-5] a closed question leaves, and a late put does not bring it back", async () => {
      await using harness = await make();
      const { inbox } = harness.engine;
      await inbox.put(ada, question("a"), bounds);
      await settleAll(inbox);
      const closed = await inbox.close(ada, "a", "answered", bounds);
      expect(closed).toMatchObject({
        counts: { total: 0, unread: 0, open: 0 },
        pending: [{ id: "a", news: "gone", gone: "answered" }],
      });
      expect(closed.pending[0]).not.toHaveProperty("item");
      expect(await inbox.put(ada, question("a"), bounds)).toMatchObject({ result: "closed" });
      await inbox.close(ada, "early", "expired", bounds);
      expect(await inbox.put(ada, question("early"), bounds)).toMatchObject({ result: "closed" });
      await inbox.put(ada, question("back"), bounds);
      await inbox.close(ada, "back", "role", bounds, true);
      expect(await inbox.put(ada, question("back"), bounds)).toMatchObject({ result: "added" });
    });

    test("[P-INB-6] a change is pending until it is settled, and its inbox is due after 5 s", async () => {
      await using harness = await make();
      const { inbox } = harness.engine;
      const { pending } = await inbox.put(ada, note("a"), bounds);
      await inbox.mark(ada, ["a"], { read: true }, bounds);
      await inbox.settle(ada, pending);
      expect(await inbox.due(10)).toEqual([]);
      await harness.advance(5_500);
      expect(await inbox.due(10)).toEqual([ada]);
      const woken = await inbox.wake(ada, bounds);
      expect(woken.pending).toMatchObject([{ id: "a", revision: 2, news: "new" }]);
      expect(await inbox.due(10)).toEqual([]);
      await inbox.settle(ada, woken.pending);
      await harness.advance(5_500);
      expect(await inbox.due(10)).toEqual([]);
    });

    test("an inbox is listed page by page", async () => {
      await using harness = await make();
      const { inbox } = harness.engine;
      const many = { ...bounds, maxItems: 1_000 };
      for (let n = 1; n <= 25; n++) await inbox.put(ada, note(`n${n}`), many);
      const seen: string[] = [];
      for (let before: number | undefined; ; ) {
        const query = { filter: "shown", limit: 10, ...(before && { before }) } as const;
        const { items } = await inbox.list(ada, query, many);
        seen.push(...items.map(({ id }) => id));
        before = items.at(-1)?.place;
        if (before === undefined) break;
      }
      expect(seen).toEqual(Array.from({ length: 25 }, (_, n) => `n${25 - n}`));
    });

    test("[P-INB-7] a role has members for a time, and a user's roles replace those before", async () => {
      await using harness = await make();
      const { inbox } = harness.engine;
      expect(await inbox.setRoles(ada, ["ops", "dev"], 60_000)).toEqual([]);
      expect(await inbox.setRoles(ada, ["ops"], 60_000)).toEqual(["ops", "dev"]);
      await inbox.enrol("role:ops", ada, 60_000, 2);
      await inbox.enrol("role:ops", "user:bo", 90_000, 2);
      expect((await inbox.members("role:ops")).toSorted()).toEqual([ada, "user:bo"]);
      await inbox.enrol("role:ops", "user:cy", 120_000, 2);
      expect((await inbox.members("role:ops")).toSorted()).toEqual(["user:bo", "user:cy"]);
      await inbox.enrol("role:ops", "user:cy", 0, 2);
      expect(await inbox.members("role:ops")).toEqual(["user:bo"]);
      await harness.advance(90_001);
      expect(await inbox.members("role:ops")).toEqual([]);
      expect(await inbox.setRoles(ada, [], 60_000)).toEqual([]);
    });

    test("[P-INB-9] what a user has seen only moves forward, whichever device says it", async () => {
      await using harness = await make();
      const { inbox } = harness.engine;
      const place = (channel: string, epoch: string, offset: number, at: number) => ({
        channel,
        epoch,
        offset,
        tag: `t${offset}`,
        at,
      });
      expect(await inbox.seen(ada)).toEqual({ positions: [] });
      await inbox.see(ada, { at: 20, positions: [place("a", "e", 5, 20)] }, 2, 60_000);
      await inbox.see(ada, { at: 10, positions: [place("a", "e", 3, 30)] }, 2, 60_000);
      const kept = { at: 20, positions: [place("a", "e", 5, 20)] };
      expect(await inbox.seen(ada)).toEqual(kept);
      await inbox.see(ada, { positions: [place("a", "old", 9, 10)] }, 2, 60_000);
      expect(await inbox.seen(ada)).toEqual(kept);
      const after = { at: 40, positions: [place("a", "new", 1, 40), place("b", "e", 1, 35)] };
      expect(await inbox.see(ada, after, 2, 60_000)).toEqual(after);
      const third = await inbox.see(ada, { positions: [place("c", "e", 1, 41)] }, 2, 60_000);
      expect(third.positions.map(({ channel }) => channel)).toEqual(["c", "a"]);
      await harness.advance(60_001);
      expect(await inbox.seen(ada)).toEqual({ positions: [] });
    });
  });
}
