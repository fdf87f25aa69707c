import type { Position } from "@milepost/protocol";
import { describe, expect, test } from "vitest";
import type { DurableChange, PendingEntry, PendingReplay } from "../../index.ts";
import type { MakeEngine } from "./engine-harness.ts";

const bounds = { maxPerChannel: 3, maxReplays: 2, keepMs: 60_000 };
const key = { channel: "job:a", owner: "user:ada", name: "worker" };

function at(offset: number): Position {
  return { epoch: "e", offset, tag: `t${offset}` };
}

function pending(offset: number, rest: Partial<PendingEntry> = {}): PendingEntry {
  const delivery = { attempts: 1, dueAt: 1_000, isOut: true };
  return { position: at(offset), previousTag: `t${offset - 1}`, ...delivery, ...rest };
}

function replay(deadLetter: string, rest: Partial<PendingReplay> = {}): PendingReplay {
  return { letter: deadLetter, position: at(1), attempts: 0, dueAt: 5, isOut: false, ...rest };
}

function change(rest: Partial<DurableChange>): DurableChange {
  const nothing = { pending: [], settled: [], replays: [], replayed: [] };
  const tags = { tags: [], forgotten: [] };
  return { revision: 0, acked: at(0), sent: at(0), repeatsTo: 0, ...tags, ...nothing, ...rest };
}

/** Contract tests of the durable subscribers; every engine runs them. */
export function durableSubscribersContract(name: string, make: MakeEngine): void {
  describe(`${name} durable subscribers`, () => {
    test("a durable subscriber begins at the position that its first claim gives, and later claims keep its position", async () => {
      await using harness = await make();
      const { durable } = harness.engine;
      const first = await durable.claim(key, at(7), bounds);
      const place = { revision: 0, acked: at(7), sent: at(7), repeatsTo: 0, tags: [] };
      const state = { ...place, pending: [], replays: [] };
      expect(first).toEqual({ fence: expect.any(Number), isNew: true, state });
      const second = await durable.claim(key, at(9), bounds);
      expect(second).toMatchObject({ isNew: false, state });
      expect(second?.fence).toBeGreaterThan(first?.fence ?? Number.NaN);
      expect(await durable.get(key)).toEqual(state);
    });

    test("[G11] only the holder of the latest claim can save; a save under an earlier claim changes nothing", async () => {
      await using harness = await make();
      const { durable } = harness.engine;
      const first = await durable.claim(key, at(0), bounds);
      const second = await durable.claim(key, at(0), bounds);
      const sent = change({ sent: at(1), pending: [pending(1)] });
      expect(await durable.save(key, first?.fence ?? 0, sent, bounds)).toBe("taken");
      expect(await durable.look(key, first?.fence ?? 0, 0, bounds)).toBe("taken");
      expect(await durable.get(key)).toMatchObject({ sent: at(0), pending: [] });
      expect(await durable.save(key, second?.fence ?? 0, sent, bounds)).toBe("saved");
      expect(await durable.look(key, second?.fence ?? 0, 1, bounds)).toEqual([]);
      expect(await durable.get(key)).toMatchObject({ sent: at(1), pending: [pending(1)] });
    });

    test("pending entries are kept by offset, and a save that has the wrong revision changes nothing", async () => {
      await using harness = await make();
      const { durable } = harness.engine;
      const { fence = 0 } = (await durable.claim(key, at(0), bounds)) ?? {};
      const sent = change({ sent: at(3), pending: [pending(1), pending(2), pending(3)] });
      await durable.save(key, fence, sent, bounds);
      const refused = pending(1, { attempts: 2, isOut: false, refusal: "busy" });
      const settled = change({
        revision: 1,
        acked: at(0),
        sent: at(4),
        settled: [2],
        pending: [refused, pending(4)],
      });
      for (const saved of ["saved", "lost", "lost"]) {
        expect(await durable.save(key, fence, settled, bounds)).toBe(saved);
        expect(await durable.get(key)).toEqual({
          revision: 2,
          acked: at(0),
          sent: at(4),
          repeatsTo: 0,
          tags: [],
          pending: [refused, pending(3), pending(4)],
          replays: [],
        });
      }
    });

    test("the tags of delivered positions are kept by run, and a save replaces and removes runs", async () => {
      await using harness = await make();
      const { durable } = harness.engine;
      const { fence = 0 } = (await durable.claim(key, at(8), bounds)) ?? {};
      const runs = [
        { first: 8, tags: ["t8", "t9"] },
        { first: 10, tags: ["t10", "_-"] },
        { first: 100, tags: ["t100"] },
      ];
      await durable.save(key, fence, change({ sent: at(100), tags: runs, repeatsTo: 120 }), bounds);
      expect(await durable.get(key)).toMatchObject({ tags: runs, repeatsTo: 120 });
      const second = runs[1];
      const longer = { first: 100, tags: ["t100", "t101"] };
      const next = { ...change({ revision: 1, sent: at(101), tags: [longer] }), forgotten: [8] };
      expect(await durable.save(key, fence, next, bounds)).toBe("saved");
      expect(await durable.get(key)).toMatchObject({ tags: [second, longer], repeatsTo: 0 });
      expect((await durable.claim(key, at(0), bounds))?.state.tags).toEqual([second, longer]);
    });

    test("a replay is added once, also while another connection holds the subscriber, and only up to maxReplays", async () => {
      await using harness = await make();
      const { durable } = harness.engine;
      expect(await durable.replay(key, replay("1-a"), bounds)).toBe("unknown");
      const { fence = 0 } = (await durable.claim(key, at(0), bounds)) ?? {};
      expect(await durable.replay(key, replay("1-a"), bounds)).toBe("added");
      const out = replay("1-a", { attempts: 1, isOut: true });
      expect(await durable.look(key, fence, 0, bounds)).toEqual([replay("1-a")]);
      await durable.save(key, fence, change({ replays: [out] }), bounds);
      expect(await durable.replay(key, replay("1-a"), bounds)).toBe("added");
      expect(await durable.look(key, fence, 1, bounds)).toEqual([out]);
      expect(await durable.replay(key, replay("2-b"), bounds)).toBe("added");
      expect(await durable.replay(key, replay("3-c"), bounds)).toBe("full");
      await durable.save(key, fence, change({ revision: 1, replayed: ["1-a"] }), bounds);
      // A late save must not bring a finished replay back.
      const late = change({ revision: 2, replays: [out] });
      expect(await durable.save(key, fence, late, bounds)).toBe("saved");
      expect((await durable.claim(key, at(0), bounds))?.state.replays).toEqual([replay("2-b")]);
    });

    test("a subscriber of another channel, owner or name is a different one, and a channel has at most maxPerChannel", async () => {
      await using harness = await make();
      const { durable } = harness.engine;
      const others = [
        { ...key, owner: "user:bob" },
        { ...key, name: "other" },
      ];
      await durable.claim(key, at(1), bounds);
      for (const other of others) {
        expect(await durable.claim(other, at(2), bounds)).toMatchObject({ isNew: true });
      }
      expect(await durable.claim({ ...key, name: "fourth" }, at(1), bounds)).toBeUndefined();
      expect(await durable.claim({ ...key, channel: "job:b" }, at(1), bounds)).toBeDefined();
      expect(await durable.claim(key, at(5), bounds)).toMatchObject({ state: { sent: at(1) } });
    });

    test("a durable subscriber that was forgotten makes room for another, and a restored one needs room", async () => {
      await using harness = await make();
      const { durable } = harness.engine;
      const named = (name: string) => ({ ...key, name });
      const { fence = 0, state } = (await durable.claim(named("a"), at(1), bounds)) ?? {};
      if (state === undefined) throw new Error("the first subscriber has room");
      await harness.advance(70_000);
      for (const name of ["b", "c", "d"]) {
        expect(await durable.claim(named(name), at(1), bounds)).toMatchObject({ isNew: true });
      }
      expect(await durable.restore(named("a"), fence, state, bounds)).toBe(false);
      expect(await durable.get(named("a"))).toBeUndefined();
      await harness.advance(70_000);
      expect(await durable.restore(named("a"), fence, state, bounds)).toBe(true);
    });

    test("a durable subscriber is forgotten keepMs after its last claim, save or look", async () => {
      await using harness = await make();
      const { durable } = harness.engine;
      const { fence = 0 } = (await durable.claim(key, at(1), bounds)) ?? {};
      await harness.advance(40_000);
      await durable.look(key, fence, 0, bounds);
      await harness.advance(40_000);
      await durable.save(key, fence, change({}), bounds);
      await harness.advance(40_000);
      expect(await durable.get(key)).toBeDefined();
      await harness.advance(30_000);
      expect(await durable.get(key)).toBeUndefined();
      expect(await durable.save(key, fence, change({}), bounds)).toBe("lost");
      expect(await durable.look(key, fence, 0, bounds)).toBe("lost");
      expect(await durable.claim(key, at(9), bounds)).toMatchObject({ isNew: true });
    });

    test("[G11] a subscriber that the store lost is restored from its holder's state, unless there is a later claim", async () => {
      await using harness = await make();
      const { durable } = harness.engine;
      const { fence = 0 } = (await durable.claim(key, at(0), bounds)) ?? {};
      const place = { revision: 0, acked: at(1), sent: at(3), repeatsTo: 9 };
      const tags = [{ first: 1, tags: ["t1", "t2", "t3"] }];
      const state = { ...place, tags, pending: [pending(2)], replays: [replay("1-a")] };
      await harness.advance(70_000);
      for (let n = 0; n < 2; n++) {
        expect(await durable.restore(key, fence, state, bounds)).toBe(true);
        expect(await durable.get(key)).toEqual(state);
        expect(await durable.look(key, fence, 0, bounds)).toEqual([replay("1-a")]);
      }
      await harness.advance(70_000);
      const { fence: others = 0 } = (await durable.claim(key, at(5), bounds)) ?? {};
      expect(await durable.restore(key, fence, state, bounds)).toBe(false);
      expect(await durable.look(key, others, 0, bounds)).toEqual([]);
      // A store that fell back to an older claim has lost the later ones.
      expect(await durable.look(key, others + 9, 0, bounds)).toBe("lost");
      expect(await durable.restore(key, others + 9, state, bounds)).toBe(true);
      expect(await durable.look(key, others, 0, bounds)).toBe("taken");
    });

    test("[G11] a restore after a save whose answer was lost also writes what changed since that save", async () => {
      await using harness = await make();
      const { durable } = harness.engine;
      const { fence = 0 } = (await durable.claim(key, at(0), bounds)) ?? {};
      const sent = change({ sent: at(2), pending: [pending(1), pending(2)] });
      expect(await durable.save(key, fence, sent, bounds)).toBe("saved");
      await durable.replay(key, replay("2-b"), bounds);
      const place = { revision: 1, acked: at(1), sent: at(3), repeatsTo: 0, tags: [] };
      const state = { ...place, pending: [pending(2), pending(3)], replays: [] };
      expect(await durable.restore(key, fence, state, bounds)).toBe(true);
      expect(await durable.get(key)).toEqual({ ...state, replays: [replay("2-b")] });
    });

    test("[G11] a subscriber whose latest saves the store lost is restored from its holder's state, with the replays requested meanwhile", async () => {
      await using harness = await make();
      const { durable } = harness.engine;
      const { fence = 0 } = (await durable.claim(key, at(0), bounds)) ?? {};
      await durable.save(key, fence, change({ sent: at(1), pending: [pending(1)] }), bounds);
      await durable.replay(key, replay("2-b"), bounds);
      // The holder has saved five times; the store has one of those saves.
      expect(await durable.look(key, fence, 5, bounds)).toBe("lost");
      expect(await durable.save(key, fence, change({ revision: 5 }), bounds)).toBe("lost");
      expect(await durable.get(key)).toMatchObject({ revision: 1, pending: [pending(1)] });
      const state = { revision: 6, acked: at(4), sent: at(4), repeatsTo: 0 };
      const rest = { tags: [{ first: 3, tags: ["t3", "t4"] }], pending: [] };
      const whole = { ...state, ...rest, replays: [replay("1-a")] };
      expect(await durable.restore(key, fence, whole, bounds)).toBe(true);
      const restored = { ...whole, replays: [replay("1-a"), replay("2-b")] };
      expect(await durable.get(key)).toMatchObject({
        ...restored,
        replays: expect.arrayContaining(restored.replays),
      });
      expect(await durable.look(key, fence, 6, bounds)).toHaveLength(2);
      expect(await durable.save(key, fence, change({ revision: 6 }), bounds)).toBe("saved");
    });
  });
}
