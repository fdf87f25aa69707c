import { maxListedMembers, maxListedTyping } from "@milepost/protocol";
import { describe, expect, test, vi } from "vitest";
import type { NewMember, PresenceBroadcast, PresenceUpdate } from "../../index.ts";
import type { EngineHarness, MakeEngine } from "./engine-harness.ts";

const ada: NewMember = { id: "user:ada", user_id: "ada" };
const bob: NewMember = { id: "user:bob", user_id: "bob" };
const ttlMs = 30_000;

function say(harness: EngineHarness, holder: string, update: Partial<PresenceUpdate> = {}) {
  return harness.engine.presence.update("room:a", holder, { ttlMs, ...update });
}

async function ids(harness: EngineHarness): Promise<readonly string[]> {
  const { members = [] } = await harness.engine.presence.read("room:a");
  return members.map(({ id }) => id);
}

/** Contract tests of presence; every engine runs them. */
export function presenceContract(name: string, make: MakeEngine): void {
  describe(`${name} presence`, () => {
    test("a member that entered is listed until it leaves, the longest present first", async () => {
      await using harness = await make();
      await say(harness, "n1", { enter: [ada] });
      await harness.advance(1_000);
      await say(harness, "n1", { enter: [bob] });
      const list = await harness.engine.presence.read("room:a");
      expect(list).toMatchObject({ count: 2, members: [ada, bob], typing: [] });
      const [first, second] = list.members ?? [];
      expect((second?.since ?? 0) - (first?.since ?? 0)).toBeGreaterThanOrEqual(1_000);
      await say(harness, "n1", { leave: [ada.id] });
      expect(await ids(harness)).toEqual([bob.id]);
    });

    test("a member is present from its first holder to its last, even when holders enter and leave concurrently", async () => {
      await using harness = await make();
      const holders = Array.from({ length: 10 }, (_, n) => `n${n}`);
      const entered = await Promise.all(
        holders.map((holder) => say(harness, holder, { enter: [ada] })),
      );
      expect(new Set(entered.map(({ version }) => version))).toEqual(new Set([1]));
      expect(entered.every(({ held }) => held === 1)).toBe(true);
      const since = (await harness.engine.presence.read("room:a")).members?.[0]?.since;
      await Promise.all(
        holders.slice(1).map((holder) => say(harness, holder, { leave: [ada.id] })),
      );
      const { version, members } = await harness.engine.presence.read("room:a");
      expect([version, members]).toEqual([1, [{ ...ada, since }]]);
      await say(harness, "n0", { leave: [ada.id] });
      expect(await ids(harness)).toEqual([]);
    });

    test("repeating a presence update changes nothing", async () => {
      await using harness = await make();
      const { version } = await say(harness, "n1", { enter: [ada, bob] });
      expect((await say(harness, "n1", { enter: [ada, bob] })).version).toBe(version);
      const left = await say(harness, "n1", { leave: [ada.id] });
      expect(await say(harness, "n1", { leave: [ada.id] })).toEqual(left);
      expect(left).toMatchObject({ version: version + 1, held: 1 });
    });

    test("a lingering member is removed after lingerMs, unless a holder enters it again before that", async () => {
      await using harness = await make();
      await say(harness, "n1", { enter: [ada, bob] });
      const gone = await say(harness, "n1", { linger: [ada.id, bob.id], lingerMs: 5_000 });
      expect(gone).toMatchObject({ version: 1, held: 0 });
      expect(gone.endsInMs).toBeGreaterThan(4_000);
      expect(gone.endsInMs).toBeLessThanOrEqual(5_000);
      await harness.advance(4_000);
      expect(await ids(harness)).toEqual([ada.id, bob.id]);
      expect((await say(harness, "n2", { enter: [bob] })).version).toBe(1);
      await harness.advance(2_000);
      expect(await ids(harness)).toEqual([bob.id]);
      await harness.advance(10_000);
      expect(await ids(harness)).toEqual([bob.id]);
    });

    test("a member does not linger while another holder holds it, and is removed at once when its last holder leaves", async () => {
      await using harness = await make();
      await say(harness, "n1", { enter: [ada] });
      await say(harness, "n2", { enter: [ada] });
      expect(
        (await say(harness, "n1", { linger: [ada.id], lingerMs: 5_000 })).endsInMs,
      ).toBeUndefined();
      await say(harness, "n2", { leave: [ada.id] });
      expect(await ids(harness)).toEqual([]);
    });

    test("[G8] the holds of a dead holder end after its ttlMs, and the holds of other holders stay", async () => {
      await using harness = await make();
      await say(harness, "dead", { enter: [ada, bob] });
      await say(harness, "n1", { enter: [bob] });
      await harness.advance(ttlMs - 5_000);
      await say(harness, "n1");
      expect(await ids(harness)).toEqual([ada.id, bob.id]);
      await harness.advance(6_000);
      const { presence } = harness.engine;
      expect(await ids(harness)).toEqual([bob.id]);
      expect(await presence.read("room:a")).toMatchObject({ version: 2, count: 1 });
    });

    test("a holder whose update is late learns from its held count that its members were removed, and can enter them again", async () => {
      await using harness = await make();
      await say(harness, "n1", { enter: [ada] });
      await say(harness, "n2", { enter: [bob] });
      await harness.advance(ttlMs - 10_000);
      await say(harness, "n2");
      await harness.advance(15_000);
      expect(await ids(harness)).toEqual([bob.id]);
      expect(await say(harness, "n1")).toMatchObject({ held: 0 });
      expect(await say(harness, "n1", { enter: [ada] })).toMatchObject({ held: 1 });
      expect(await ids(harness)).toEqual([bob.id, ada.id]);
    });

    test("typing is listed until it expires, is stopped or its member leaves, and only for present members", async () => {
      await using harness = await make();
      const typing = async () => (await harness.engine.presence.read("room:a")).typing;
      const type = (id: string, isTyping = true) =>
        say(harness, "n1", { typing: [{ id, typing: isTyping }], typingMs: 6_000 });
      await say(harness, "n1", { enter: [ada, bob] });
      expect(await type(ada.id)).toMatchObject({ strangers: [], version: 2 });
      expect((await type(bob.id)).endsInMs).toBeLessThanOrEqual(6_000);
      expect(await typing()).toEqual([ada.id, bob.id]);
      await harness.advance(4_000);
      expect((await type(bob.id)).version).toBe(3);
      await harness.advance(3_000);
      expect(await typing()).toEqual([bob.id]);
      await type(bob.id, false);
      expect(await typing()).toEqual([]);
      await type(ada.id);
      await say(harness, "n1", { leave: [ada.id] });
      expect(await typing()).toEqual([]);
      expect(await type(ada.id)).toMatchObject({ strangers: [ada.id] });
      const elsewhere = { ttlMs, typing: [{ id: ada.id, typing: true }], typingMs: 6_000 };
      expect(await harness.engine.presence.update("room:b", "n1", elsewhere)).toMatchObject({
        strangers: [ada.id],
      });
    });

    test("of those who type, the first ones are listed, up to the maximum", async () => {
      await using harness = await make();
      const all = Array.from({ length: maxListedTyping + 2 }, (_, n) => ({ id: `user:${n}` }));
      await say(harness, "n1", { enter: all });
      const typing = all.map(({ id }) => ({ id, typing: true }));
      await say(harness, "n1", { typing, typingMs: 6_000 });
      const listed = async () => (await harness.engine.presence.read("room:a")).typing;
      expect(await listed()).toEqual(all.slice(0, maxListedTyping).map(({ id }) => id));
      await say(harness, "n1", { leave: ["user:0"] });
      expect((await listed())?.at(-1)).toBe(`user:${maxListedTyping}`);
    });

    test("the changes of a subscribed channel have consecutive versions and fold to the list", async () => {
      await using harness = await make();
      const { presence } = harness.engine;
      const heard: PresenceBroadcast[] = [];
      presence.listen((news) => heard.push(news));
      await presence.subscribe("room:a");
      await presence.update("room:b", "n1", { ttlMs, enter: [ada] });
      await say(harness, "n1", { enter: [ada, bob] });
      await say(harness, "n1", { typing: [{ id: ada.id, typing: true }], typingMs: 1_000 });
      await say(harness, "n2", { enter: [ada] });
      await say(harness, "n1", { leave: [ada.id] });
      await say(harness, "n1", { linger: [bob.id], lingerMs: 3_000 });
      await harness.advance(4_000);
      await say(harness, "n2");
      await vi.waitFor(() => expect(heard).toHaveLength(3));
      const { epoch, members } = await presence.read("room:a");
      expect(heard.every((news) => news.epoch === epoch && news.channel === "room:a")).toBe(true);
      expect(heard).toMatchObject([
        { version: 1, joined: [ada, bob], left: [], count: 2 },
        { version: 2, joined: [], left: [], count: 2, typing: [ada.id] },
        { version: 3, joined: [], left: [bob.id], count: 1, typing: [] },
      ]);
      expect(members).toMatchObject([ada]);
      await presence.unsubscribe("room:a");
      await say(harness, "n1", { enter: [bob] });
      await presence.subscribe("room:a");
      await say(harness, "n1", { leave: [bob.id] });
      await vi.waitFor(() => expect(heard.at(-1)).toMatchObject({ version: 5, left: [bob.id] }));
      expect(heard).toHaveLength(4);
    });

    test("members beyond the listed maximum are counted, and the next one is listed when a listed member leaves", async () => {
      await using harness = await make();
      const { presence } = harness.engine;
      const all = Array.from({ length: maxListedMembers + 2 }, (_, n) => ({ id: `user:${n}` }));
      await say(harness, "n1", { enter: all });
      const heard: PresenceBroadcast[] = [];
      presence.listen((news) => heard.push(news));
      await presence.subscribe("room:a");
      const { members, count } = await presence.read("room:a");
      expect([members?.length, count]).toEqual([maxListedMembers, maxListedMembers + 2]);
      await say(harness, "n1", { leave: ["user:5"] });
      await say(harness, "n1", { leave: [`user:${maxListedMembers + 1}`] });
      await say(harness, "n1", { enter: [ada] });
      await vi.waitFor(() => expect(heard).toHaveLength(3));
      expect(heard).toMatchObject([
        { joined: [{ id: `user:${maxListedMembers}` }], left: ["user:5"], count: count - 1 },
        { joined: [], left: [], count: count - 2 },
        { joined: [], left: [], count: count - 1 },
      ]);
    });

    test.for([
      ["a few members", 0],
      ["as many members as are listed", maxListedMembers - 2],
    ] as const)(
      "a member whose hold expired and who enters again in the same step is reported as joined, beside %s",
      async ([, count]) => {
        await using harness = await make();
        const { presence } = harness.engine;
        const others = Array.from({ length: count }, (_, n) => ({ id: `user:${n}` }));
        await say(harness, "dead", { enter: [ada] });
        await say(harness, "n1", { enter: [bob, ...others] });
        await harness.advance(ttlMs - 1_000);
        await say(harness, "n1");
        await harness.advance(2_000);
        const heard: PresenceBroadcast[] = [];
        presence.listen((news) => heard.push(news));
        await presence.subscribe("room:a");
        await say(harness, "n1", { enter: [ada] });
        await vi.waitFor(() =>
          expect(heard).toMatchObject([{ joined: [ada], left: [], count: count + 2 }]),
        );
        const { members } = await presence.read("room:a");
        expect(members?.[0]).toMatchObject(bob);
        expect(members?.at(-1)).toEqual(heard[0]?.joined[0]);
      },
    );

    test("a channel that all members left is forgotten, and the next one has another epoch", async () => {
      await using harness = await make();
      const { epoch } = await say(harness, "n1", { enter: [ada] });
      await say(harness, "n1", { leave: [ada.id] });
      expect(await harness.engine.presence.read("room:a")).toEqual({
        epoch: "",
        version: 0,
        members: [],
        count: 0,
        typing: [],
      });
      expect(await say(harness, "n1")).toMatchObject({ version: 0, held: 0 });
      expect((await say(harness, "n1", { enter: [ada] })).epoch).not.toBe(epoch);
    });
  });
}
