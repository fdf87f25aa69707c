import { describe, expect, test } from "vitest";
import { type DoorsWorld, doorsWorld } from "./fixtures/doors-world.ts";
import { plainWays } from "./fixtures/plain-ways.ts";
import { sdkWays } from "./fixtures/sdk-ways.ts";
import type { Person, Way } from "./fixtures/way.ts";

const tick = () => new Promise<void>((resolve) => setImmediate(resolve));
const upTo = (total: number) => Array.from({ length: total }, (_, i) => i + 1);
/** Returns a text large enough to be worth compressing. */
const words = (n: number) => `${n}: ${"ähnliche Wörter, immer wieder; ".repeat(60)}`;

/** Actions of a client, and the result they must have in every way to the gateway. */
interface Scenario {
  readonly title: string;
  /** True when the scenario needs a watch that can choose where it begins. */
  readonly chooses?: true;
  readonly expected: unknown;
  run(world: DoorsWorld, person: Person): Promise<unknown>;
}

const scenarios: readonly Scenario[] = [
  {
    title: "[G3] [G4] each entry arrives once and in order through ten connection cuts",
    expected: { seen: upTo(300), told: [] },
    async run({ gateway, proxy }, person) {
      const { seen, told, done, ready } = person.watch("room:a", 300);
      await ready;
      for (const n of upTo(300)) {
        await gateway.publish("room:a", "tick", n);
        if (n % 30 === 15) proxy.cut();
        await tick();
      }
      await done;
      return { seen, told };
    },
  },
  {
    title: "data of every shape and size arrives as it was published",
    expected: {
      seen: [words(1), { a: [1.5, null, true, { "": "€𝄞\u0000" }] }, [], words(2), 7],
      told: [],
    },
    async run({ gateway }, person) {
      const { seen, told, done, ready } = person.watch("room:a", 7);
      await ready;
      const data = [words(1), { a: [1.5, null, true, { "": "€𝄞\u0000" }] }, [], words(2), 7];
      for (const one of data) await gateway.publish("room:a", "tick", one);
      await done;
      return { seen, told };
    },
  },
  {
    title:
      "[P-PUB-2] publishes through a line that is cut arrive once each and in order; a key is one publication",
    expected: { log: upTo(40), again: true },
    async run({ gateway, proxy }, person) {
      const published: Promise<unknown>[] = [];
      for (const n of upTo(40)) {
        published.push(person.publish("room:b", "tick", n));
        if (n % 20 === 10) proxy.cut();
        await tick();
      }
      await Promise.all(published);
      const first = await person.publish("room:c", "tick", 1, "k");
      const second = await person.publish("room:c", "tick", 2, "k");
      const page = (await person.request("history.get", { channel: "room:b" })) as {
        entries: { data: unknown }[];
      };
      void gateway;
      return {
        log: page.entries.map(({ data }) => data),
        again: second.duplicate && !first.duplicate && second.position === first.position,
      };
    },
  },
  {
    title: "[P-SUB-4] a hole in the log arrives as a gap, or as a reset with the state",
    expected: { short: [[16, 17, 18, 19, 20], ["gap trimmed"]], latest: [[], ["reset"]] },
    async run({ gateway, proxy }, person) {
      const short = person.watch("short:a", 20);
      const latest = person.watch("latest:a", "never");
      await Promise.all([short.ready, latest.ready]);
      proxy.block();
      proxy.cut();
      for (const n of upTo(20)) {
        await gateway.publish("short:a", "tick", n);
        await gateway.publish("latest:a", "tick", n);
      }
      proxy.restore();
      await Promise.all([short.done, latest.done]);
      return { short: [short.seen, short.told], latest: [latest.seen, latest.told] };
    },
  },
  {
    title: "a roll-up delivers the channels below its prefix in one order through a cut",
    expected: { seen: upTo(60), told: [] },
    async run({ gateway, proxy }, person) {
      const { seen, told, done, ready } = person.watch("whole:42:*", 60);
      await ready;
      for (const n of upTo(60)) {
        await gateway.publish(`whole:42:${n % 3}`, "tick", n);
        if (n === 30) proxy.cut();
        await tick();
      }
      await done;
      return { seen, told };
    },
  },
  {
    title: "the end of a channel arrives after all its entries",
    expected: { seen: [1, 2], told: ["end"] },
    async run({ gateway }, person) {
      const { seen, told, done, ready } = person.watch("room:a", "never");
      await ready;
      await gateway.publish("room:a", "tick", 1);
      await gateway.publish("room:a", "tick", 2);
      await gateway.end("room:a", "over");
      await done;
      return { seen, told };
    },
  },
  {
    title: "[P-MSG-1] a refused message gets its error code and leaves the connection usable",
    expected: {
      refused: ["unknown_method", "forbidden", "invalid_event", "not_found"],
      foreign: ["forbidden"],
      seen: [1],
    },
    async run(_, person) {
      const codes = [
        person.request("no.such"),
        person.publish("user:8", "tick", 1),
        person.publish("room:a", "reply", 1),
        person.request("operations.get", { operation_id: "none" }),
      ].map((attempt) => attempt.then(String, ({ code }: { code: string }) => code));
      const refused = await Promise.all(codes);
      const foreign = person.watch("user:8", "never");
      await foreign.done;
      const own = person.watch("room:a", 1);
      await own.ready;
      await person.publish("room:a", "tick", 1);
      await own.done;
      return { refused, foreign: foreign.told, seen: own.seen };
    },
  },
  {
    title:
      "[P-SUB-5] [P-SUB-7] a subscription starts where it asks to and receives only the events it names",
    chooses: true,
    expected: { all: [1, 2, 3, 4], last: [3, 4], named: ["b"], told: [] },
    async run({ gateway }, person) {
      for (const n of upTo(3)) await gateway.publish("room:a", "tick", n);
      const all = person.watch("room:a", 4, { since: "start" });
      await all.ready;
      const last = person.watch("room:a", 4, { since: { last: 1 } });
      const named = person.watch("room:b", "b", { events: ["wanted"] });
      await Promise.all([last.ready, named.ready]);
      await gateway.publish("room:b", "unwanted", "a");
      await gateway.publish("room:b", "wanted", "b");
      await gateway.publish("room:a", "tick", 4);
      await Promise.all([all.done, last.done, named.done]);
      const told = [...all.told, ...last.told, ...named.told];
      return { all: all.seen, last: last.seen, named: named.seen, told };
    },
  },
];

const ways: readonly Way[] = [...sdkWays, ...plainWays];

describe.each(ways)("[P-DIA-1] $name", (way) => {
  test.each(scenarios.filter(({ chooses = false }) => way.chooses || !chooses))(
    "$title",
    async ({ run, expected }) => {
      await using world = await doorsWorld();
      await using person = await way.enter(world);
      expect(await run(world, person)).toEqual(expected);
    },
  );
});
