import { expect, it } from "vitest";
import type { Channel } from "../channel/channel.ts";
import { durable } from "../channel/durable.ts";
import { settle } from "../testing/manual-clock.ts";
import { SharedBrowser, type SharingTab, tokenOf } from "../testing/shared-browser.ts";

const room = "room:a";
const upTo = (total: number) => Array.from({ length: total }, (_, i) => i + 1);

/** Opens tabs that read the room. The first one leads. */
async function openTabs(browser: SharedBrowser, count: number): Promise<SharingTab[]> {
  const tabs = upTo(count).map(() => browser.open());
  for (const tab of tabs) {
    tab.seen(room);
    await browser.settle();
  }
  return tabs;
}

it("tabs of one user share one stream, each receives all events, and each receives the replies to its own messages", async () => {
  const browser = new SharedBrowser();
  const tabs = await openTabs(browser, 10);
  expect([browser.streams, browser.gateway.opened]).toEqual([1, 1]);
  for (const n of upTo(5)) browser.gateway.publish(room, n);
  await browser.settle();
  const published = tabs.map(({ client }, i) => client.publish(room, "tick", 6 + i));
  const answers = tabs.map(({ client }, i) => client.request("echo", i));
  await browser.settle();
  const positions = (await Promise.all(published)).map(({ position }) => position);
  expect(positions).toEqual(tabs.map((_, i) => `epoch1.${6 + i}.tag${6 + i}`));
  expect(await Promise.all(answers)).toEqual(tabs.map((_, i) => i));
  for (const tab of tabs) expect(tab.seen(room)).toEqual(upTo(15));
  expect(browser.streams).toBe(1);
});

it("a tab that starts earlier in the log than the others receives the past, and they receive nothing twice", async () => {
  const browser = new SharedBrowser();
  for (const n of upTo(5)) browser.gateway.publish(room, n);
  const [first] = (await openTabs(browser, 2)) as [SharingTab, SharingTab];
  const late = browser.open();
  const past: unknown[] = [];
  late.client
    .channel(room)
    .subscribe({ onEvent: ({ data }) => past.push(data) }, { since: "start" });
  await browser.settle();
  browser.gateway.publish(room, 6);
  await browser.settle();
  expect([past, first.seen(room), first.log.filter((said) => said.startsWith("gap"))]).toEqual([
    upTo(6),
    [6],
    [],
  ]);
});

it.each([
  {
    how: "is closed",
    withinMs: 0,
    end: (_: SharedBrowser, { client }: SharingTab) => client.close(),
  },
  {
    how: "crashes",
    withinMs: 0,
    end: (browser: SharedBrowser, tab: SharingTab) => browser.crash(tab),
  },
  {
    how: "is frozen after the browser's event",
    withinMs: 0,
    end: (_: SharedBrowser, { tab }: SharingTab) => tab.freezeWithNotice(),
  },
  {
    how: "is frozen without notice",
    withinMs: 8_000,
    end: (_: SharedBrowser, { tab }: SharingTab) => tab.freeze(),
  },
])(
  "when the leader $how, another tab leads within $withinMs ms, and no tab misses or repeats an event",
  async ({ withinMs, end }) => {
    const browser = new SharedBrowser();
    const [leader, ...others] = (await openTabs(browser, 10)) as [SharingTab, ...SharingTab[]];
    for (const n of upTo(3)) browser.gateway.publish(room, n);
    await browser.settle();
    void end(browser, leader);
    for (const n of [4, 5, 6]) browser.gateway.publish(room, n);
    // A move is planned on the clock, so it takes a moment even when it is at once.
    await browser.advance(withinMs + 100);
    browser.gateway.publish(room, 7);
    await browser.settle();
    for (const tab of others) {
      expect(tab.seen(room)).toEqual(upTo(7));
      expect(tab.log.filter((said) => said.startsWith("gap"))).toEqual([]);
    }
    leader.tab.thaw();
    await browser.advance(1_000);
    expect(browser.streams).toBe(1);
  },
);

it("a frozen leader that thaws follows the new leader and has missed nothing", async () => {
  const browser = new SharedBrowser();
  const [leader, other] = (await openTabs(browser, 2)) as [SharingTab, SharingTab];
  browser.gateway.publish(room, 1);
  await browser.settle();
  leader.tab.freeze();
  for (const n of [2, 3]) browser.gateway.publish(room, n);
  await browser.advance(8_000);
  leader.tab.thaw();
  await browser.advance(1_000);
  browser.gateway.publish(room, 4);
  await browser.settle();
  expect([leader.seen(room), other.seen(room), browser.streams]).toEqual([upTo(4), upTo(4), 1]);
});

it("a frozen tab that is next in line does not stop the election", async () => {
  const browser = new SharedBrowser();
  const [leader, next, third] = (await openTabs(browser, 3)) as [
    SharingTab,
    SharingTab,
    SharingTab,
  ];
  next.tab.freeze();
  browser.crash(leader);
  browser.gateway.publish(room, 1);
  await browser.advance(12_000);
  expect(third.seen(room)).toEqual([1]);
  next.tab.thaw();
  await browser.advance(1_000);
  expect([next.seen(room), browser.streams]).toEqual([[1], 1]);
});

it("tokens that differ only in their times share a connection; another user, session or grant has its own", async () => {
  const browser = new SharedBrowser();
  const open = async (claims: object) => {
    browser.open({ token: tokenOf(claims) }).seen(room);
    await browser.settle();
    return browser.streams;
  };
  expect(await open({ sub: "7", exp: 1, iat: 1, jti: "a", nbf: 1 })).toBe(1);
  expect(await open({ jti: "b", nbf: 2, exp: 2, iat: 2, sub: "7" })).toBe(1);
  expect(await open({ sub: "7", sid: "s1" })).toBe(2);
  expect(await open({ sub: "8" })).toBe(3);
});

it("a tab whose new token has another authority leaves its group before it uses the token", async () => {
  const browser = new SharedBrowser();
  let token = tokenOf({ sub: "7" });
  const leader = browser.open({ token: () => token });
  leader.seen(room);
  await browser.settle();
  const [other] = (await openTabs(browser, 1)) as [SharingTab];
  const [connection] = [...browser.gateway.connections];
  token = tokenOf({ sub: "8" });
  connection?.say({ type: "notice", code: "token_expiring", expires_at: 0 });
  await browser.advance(1_000);
  browser.gateway.publish(room, 1);
  await browser.settle();
  expect(connection?.sent.filter(({ type }) => type === "auth")).toEqual([]);
  expect([...browser.gateway.connections].map(({ attempt }) => attempt.token).sort()).toEqual(
    [tokenOf({ sub: "7" }), token].sort(),
  );
  expect([leader.seen(room), other.seen(room)]).toEqual([[1], [1]]);
});

it("[G10] a follower receives nothing unless the gateway accepts its own token, and nothing more 3 s after the gateway revoked it", async () => {
  const browser = new SharedBrowser();
  await openTabs(browser, 1);
  const bad = tokenOf({ sub: "7", jti: "bad" });
  browser.refused.add(bad);
  const refused = browser.open({ token: bad });
  refused.seen(room);
  await browser.settle();
  expect(refused.client.state).toMatchObject({ state: "closed", code: 4102 });
  const good = tokenOf({ sub: "7", jti: "good" });
  const follower = browser.open({ token: good });
  follower.seen(room);
  await browser.settle();
  expect(follower.client.state.state).toBe("connected");
  browser.refused.add(good);
  await browser.advance(3_000);
  expect(follower.client.state).toMatchObject({ state: "closed", code: 4102 });
});

it("[G10] a proof that is never answered is given up after 10 s, and a follower whose token was revoked meanwhile is closed", async () => {
  const browser = new SharedBrowser();
  await openTabs(browser, 1);
  const token = tokenOf({ sub: "7", jti: "other" });
  const follower = browser.open({ token });
  follower.seen(room);
  await browser.settle();
  browser.isMute = true;
  await browser.advance(3_000);
  browser.isMute = false;
  browser.refused.add(token);
  await browser.advance(9_900);
  expect(follower.client.state.state).toBe("connected");
  await browser.advance(3_100);
  expect(follower.client.state).toMatchObject({ state: "closed", code: 4102 });
});

it("each tab renews its own token without a reconnect, and the gateway is asked whether it accepts the new one", async () => {
  const browser = new SharedBrowser();
  const tokens = (name: string) => {
    let count = 0;
    return () => {
      const token = tokenOf({ sub: "7", jti: `${name} ${++count}` });
      browser.ends.set(token, browser.clock.now() + 100_000);
      return token;
    };
  };
  const [leader, follower] = [
    browser.open({ token: tokens("a") }),
    browser.open({ token: tokens("b") }),
  ];
  for (const tab of [leader, follower]) {
    tab.seen(room);
    await browser.settle();
  }
  const [connection] = [...browser.gateway.connections];
  await browser.advance(300_000);
  expect(connection?.sent.filter(({ type }) => type === "auth")).toEqual([]);
  connection?.say({ type: "notice", code: "token_expiring", expires_at: 0 });
  await browser.settle();
  expect(connection?.sent.filter(({ type }) => type === "auth")).toHaveLength(1);
  expect(connection?.token).toBe(tokenOf({ sub: "7", jti: "a 2" }));
  expect(browser.ends.has(tokenOf({ sub: "7", jti: "b 4" }))).toBe(true);
  expect([leader.log, follower.log]).toEqual([
    ["connecting", "connected"],
    ["connecting", "connected"],
  ]);
});

it("a follower whose token ends without a new one is closed as by the gateway", async () => {
  const browser = new SharedBrowser();
  await openTabs(browser, 1);
  const token = tokenOf({ sub: "7", jti: "short" });
  browser.ends.set(token, browser.clock.now() + 10_000);
  const follower = browser.open({ token });
  follower.seen(room);
  await browser.settle();
  await browser.advance(9_900);
  expect(follower.client.state.state).toBe("connected");
  await browser.advance(1_500);
  expect(follower.client.state).toMatchObject({ state: "closed", code: 4102 });
});

it("a close by request, such as that of all connections of a user, closes every tab of the group", async () => {
  const browser = new SharedBrowser();
  const tabs = await openTabs(browser, 3);
  for (const connection of browser.gateway.connections) connection.drop(4410);
  await browser.advance(1_000);
  expect(tabs.map(({ client: { state } }) => state.state)).toEqual(["closed", "closed", "closed"]);
});

it("five users hold three streams, and the other two poll briefly until a stream is free", async () => {
  const browser = new SharedBrowser();
  const tabs: SharingTab[] = [];
  for (const n of upTo(5)) {
    const tab = browser.open({ token: tokenOf({ sub: `${n}` }) });
    tabs.push(tab);
    tab.seen(room);
    await browser.settle();
  }
  const carriers = () =>
    tabs.map(({ client: { state } }) =>
      state.state === "connected" ? state.transport : state.state,
    );
  expect(carriers()).toEqual(["sse", "sse", "sse", "poll", "poll"]);
  void tabs[0]?.client.close();
  await browser.advance(11_000);
  expect(carriers().slice(1).sort()).toEqual(["poll", "sse", "sse", "sse"]);
  expect(browser.streams).toBe(3);
});

it.each([
  {
    where: "other tabs cannot be reached",
    options: { hasTabs: false },
    carriers: ["poll", "poll", "poll", "poll"],
  },
  {
    where: "sharing is turned off",
    options: { share: false },
    carriers: ["sse", "sse", "sse", "poll"],
  },
])("where $where, the number of streams is bounded", async ({ options, carriers }) => {
  const browser = new SharedBrowser();
  const tabs = upTo(4).map(() => browser.open(options));
  for (const tab of tabs) {
    tab.seen(room);
    await browser.settle();
  }
  browser.gateway.publish(room, 1);
  await browser.settle();
  expect(tabs.map((tab) => tab.seen(room))).toEqual([[1], [1], [1], [1]]);
  expect(
    tabs.map(({ client: { state } }) =>
      state.state === "connected" ? state.transport : state.state,
    ),
  ).toEqual(carriers);
});

it("a tab that reads a channel as a durable subscriber which another tab reads too connects alone", async () => {
  const browser = new SharedBrowser();
  const [reader, worker] = (await openTabs(browser, 2)) as [SharingTab, SharingTab];
  const jobs = "jobs:mail";
  reader.seen(jobs);
  await browser.settle();
  const channel = worker.client.channel(jobs) as unknown as Channel<Record<string, unknown>>;
  const next = durable(channel, "mailer").next();
  await browser.advance(200);
  browser.gateway.publish(jobs, 1);
  browser.gateway.publish(room, 2);
  await browser.settle();
  expect((await next).value?.event.data).toBe(1);
  expect([reader.seen(jobs), reader.seen(room), worker.seen(room)]).toEqual([[1], [2], [2]]);
  expect(browser.streams).toBe(2);
  // The connection of the leader is still in use, so the new one must not replace it.
  expect([...browser.gateway.connections].at(-1)?.attempt.connectionId).toBeUndefined();
});

it("a channel that no longer fits on the shared stream is read on another one", async () => {
  const browser = new SharedBrowser();
  browser.gateway.maxSubscriptions = 2;
  const [first, second] = (await openTabs(browser, 2)) as [SharingTab, SharingTab];
  first.seen("room:b");
  await browser.settle();
  second.seen("room:c");
  await browser.advance(200);
  browser.gateway.publish(room, 1);
  browser.gateway.publish("room:c", 2);
  await browser.settle();
  expect([first.seen(room), second.seen(room), second.seen("room:c")]).toEqual([[1], [1], [2]]);
  expect([second.log.filter((said) => said.includes(":")), browser.streams]).toEqual([[], 2]);
});

it.each([
  { bound: "4 Mi characters", length: 500_000, count: 12, atMost: 10 },
  { bound: "10,000 posts", length: 1, count: 10_100, atMost: 10_050 },
])(
  "a follower that reads nothing is cut off at $bound, and resumes when it reads again",
  async ({ length, count, atMost }) => {
    const browser = new SharedBrowser();
    const [leader, follower] = (await openTabs(browser, 2)) as [SharingTab, SharingTab];
    follower.tab.freeze();
    const [connection] = [...browser.gateway.connections];
    for (const _ of upTo(count)) {
      browser.gateway.publish(room, "x".repeat(length));
      await settle();
    }
    expect(leader.seen(room)).toHaveLength(count);
    expect(follower.tab.waiting).toBeLessThanOrEqual(atMost);
    follower.tab.thaw();
    await browser.advance(17_000);
    expect(follower.seen(room)).toHaveLength(count);
    expect([...browser.gateway.connections]).toEqual([connection]);
  },
);

it("a follower that reads is never cut off, however much it receives", async () => {
  const browser = new SharedBrowser();
  const [, follower] = (await openTabs(browser, 2)) as [SharingTab, SharingTab];
  for (const _ of upTo(12)) {
    browser.gateway.publish(room, "x".repeat(500_000));
    await browser.settle();
  }
  expect(follower.seen(room)).toHaveLength(12);
  expect(follower.log).toEqual(["connecting", "connected"]);
});

it.each([
  { isMute: false, reason: "move" },
  { isMute: true, reason: "lost" },
])(
  "followers of a leader that left say $reason when answers are lost on its connection: $isMute",
  async ({ isMute, reason }) => {
    const browser = new SharedBrowser();
    browser.gateway.isMute = isMute;
    const [leader, follower] = (await openTabs(browser, 2)) as [SharingTab, SharingTab];
    void leader.client.close();
    const reasons: string[] = [];
    follower.client.onState((state) => {
      if (state.state === "reconnecting") reasons.push(state.reason);
    });
    await browser.advance(100);
    expect(reasons).toEqual([reason]);
  },
);

it.each([
  { who: "the leader", at: 0, code: 1001 },
  { who: "a follower", at: 1, code: 1001 },
  { who: "a follower of a leader whose token is refused", at: 1, code: 4102 },
])(
  "a reply that arrives together with the end of the connection still reaches $who",
  async ({ at, code }) => {
    const browser = new SharedBrowser();
    const tabs = await openTabs(browser, 2);
    const [connection] = [...browser.gateway.connections];
    const answer = tabs[at]?.client.request("never").catch(String);
    await browser.settle();
    connection?.drop(code, { type: "reply", id: connection.sent.at(-1)?.id, result: "answer" });
    await browser.settle();
    expect(await Promise.race([answer, settle()])).toBe("answer");
  },
);

it("a tab beyond the 50 followers of a leader connects alone", async () => {
  const browser = new SharedBrowser();
  const tabs = await openTabs(browser, 52);
  await browser.advance(500);
  browser.gateway.publish(room, 1);
  await browser.settle();
  expect(browser.streams).toBe(2);
  for (const tab of tabs) expect(tab.seen(room)).toEqual([1]);
});

it("a tab for which the gateway names another user than for the leader connects alone", async () => {
  const browser = new SharedBrowser();
  await openTabs(browser, 1);
  browser.user = "8";
  const other = browser.open();
  other.seen(room);
  await browser.advance(1_500);
  expect([browser.streams, other.log]).toEqual([
    2,
    ["connecting", "reconnecting", "connecting", "connected"],
  ]);
});

it("without Web Locks, all followers of a leader that crashed follow the next one, which nobody unseats", async () => {
  const browser = new SharedBrowser({ hasWebLocks: false });
  const tabs = upTo(4).map(() => browser.open());
  for (const tab of tabs) {
    tab.seen(room);
    await browser.advance(1_500);
  }
  const [leader, ...others] = tabs as [SharingTab, ...SharingTab[]];
  browser.crash(leader);
  await browser.advance(30_000);
  browser.gateway.publish(room, 1);
  await browser.settle();
  for (const tab of others) expect(tab.seen(room)).toEqual([1]);
  expect(browser.gateway.opened).toBe(2);
});

it("a stream that the gateway ends is followed by one stream again", async () => {
  const browser = new SharedBrowser();
  const tabs = await openTabs(browser, 5);
  browser.gateway.publish(room, 1);
  await browser.settle();
  for (const connection of browser.gateway.connections) connection.drop(1001);
  browser.gateway.publish(room, 2);
  await browser.advance(3_000);
  for (const tab of tabs) expect(tab.seen(room)).toEqual([1, 2]);
  expect(browser.streams).toBe(1);
});

it("a refusal of the leader's token closes the leader alone", async () => {
  const browser = new SharedBrowser();
  const [leader, follower] = (await openTabs(browser, 2)) as [SharingTab, SharingTab];
  for (const connection of browser.gateway.connections) connection.drop(4102);
  await browser.advance(500);
  expect(leader.client.state.state).toBe("closed");
  expect(follower.client.state.state).toBe("connected");
});

it.each(
  upTo(80).map((seed) => ({ seed, locks: seed % 2 === 0 ? "Web Locks" : "locks by messages" })),
)(
  "[G3] [G4] no tab misses or repeats an event however tabs come, go, freeze and crash, with $locks (seed $seed)",
  async ({ seed, locks }) => {
    const browser = new SharedBrowser({ seed, hasWebLocks: locks === "Web Locks" });
    const rooms = ["room:a", "room:b", "room:c"];
    const pick = <Item>(items: readonly Item[]): Item | undefined =>
      items[Math.floor(browser.random() * items.length)];
    let tabs: (SharingTab & { readonly from: Map<string, number> })[] = [];
    const frozen = new Set<SharingTab>();
    for (let step = 0; step < 80; step++) {
      const chance = browser.random();
      const tab = pick(tabs);
      const channel = pick(rooms) ?? "";
      if (chance < 0.15 && tabs.length < 8) {
        tabs.push({ ...browser.open(), from: new Map() });
      } else if (tab !== undefined && !frozen.has(tab) && chance < 0.3) {
        if (!tab.from.has(channel)) {
          tab.seen(channel);
          tab.from.set(channel, 0);
        }
      } else if (tab !== undefined && chance < 0.36) {
        if (browser.random() < 0.5) browser.crash(tab);
        else if (!frozen.has(tab)) void tab.client.close();
        else continue;
        frozen.delete(tab);
        tabs = tabs.filter((other) => other !== tab);
      } else if (tab !== undefined && chance < 0.44) {
        frozen.add(tab);
        if (browser.random() < 0.5) tab.tab.freeze();
        else tab.tab.freezeWithNotice();
      } else if (tab !== undefined && chance < 0.52) {
        frozen.delete(tab);
        tab.tab.thaw();
      } else if (chance < 0.8) {
        browser.gateway.publish(channel, browser.gateway.log(channel).length + 1);
      } else if (chance < 0.9) await browser.advance(browser.random() * 9_000);
      else if (chance < 0.92) {
        for (const connection of browser.gateway.connections) connection.drop(1001);
      } else await browser.settle();
    }
    for (const tab of frozen) tab.tab.thaw();
    await browser.advance(40_000);
    for (const channel of rooms)
      browser.gateway.publish(channel, browser.gateway.log(channel).length + 1);
    await browser.settle();
    for (const tab of tabs) {
      for (const channel of tab.from.keys()) {
        const seen = tab.seen(channel) as number[];
        const total = browser.gateway.log(channel).length;
        expect(seen).toEqual(upTo(total).slice((seen[0] ?? 0) - 1));
      }
      expect(tab.log.filter((said) => said.startsWith("gap") || said.includes(":"))).toEqual([]);
    }
    expect(browser.streams).toBeLessThanOrEqual(1);
  },
);
