import type { EngineFactory, Records } from "@milepost/engine";
import { ManualClock, SeededRandom, SharedEngine } from "@milepost/engine/testing";
import { MilepostError } from "@milepost/protocol";
import { describe, expect, test } from "vitest";
import type { UserPrincipal } from "../rules/principal.ts";
import { type TestCore, testCore } from "../testing/index.ts";
import type { SessionOptions } from "./sessions-api.ts";

const minuteMs = 60_000;

/** Hash that shows whether a plain secret is kept anywhere. */
const digest = (secret: string) => `hash:${[...secret].reverse().join("")}`;

/** Two nodes on one engine and one clock, where sessions must be registered. */
class Pair implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly engine = new SharedEngine(this.clock, new SeededRandom());
  readonly a: TestCore;
  readonly b: TestCore;

  /** True while no node can read records. */
  isAway = false;
  records: Records | undefined;

  constructor(options: Partial<SessionOptions> = {}) {
    this.engine.isShared = true;
    const { clock } = this;
    const sessions = { digest, credentials: true, ...options };
    const engine: EngineFactory = (context) => {
      const made = this.engine.factory(context);
      const { records } = made;
      this.records = records;
      const away = new MilepostError("store_unavailable", "away");
      const get = (space: string, name: string) =>
        this.isAway ? Promise.reject(away) : records.get(space, name);
      const put = records.put.bind(records);
      return { ...made, records: { get, put, take: records.take.bind(records) } };
    };
    this.a = testCore({ clock, engine, node: "a", sessions });
    this.b = testCore({ clock, engine, node: "b", sessions });
  }

  put(session: string | undefined, rest: object = {}) {
    const { a } = this;
    const input = { ttlMs: minuteMs, ...rest };
    return this.clock.until(a.core.sessions.register(a.service, session, input));
  }

  /** Admits a user with a session at a node. */
  admit(t: TestCore, user: string | undefined, session: string, rest: object = {}) {
    const principal = t.user(user, { session, issuedAt: this.clock.now(), ...rest });
    return this.clock.until(t.core.admission.admit(principal)) as Promise<UserPrincipal>;
  }

  /** Opens a connection and a session feed on both nodes. */
  async sockets(session: string, rest: object = {}) {
    const opened = [];
    for (const t of [this.a, this.b]) {
      const principal = await this.admit(t, "ada", session, rest);
      opened.push(t.connect({ principal }), t.connectFeed(session, principal));
    }
    await this.clock.advance(1_000);
    return opened;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of [this.a, this.b]) await node[Symbol.asyncDispose]();
  }
}

type Sockets = Awaited<ReturnType<Pair["sockets"]>>;
const closes = (sockets: Sockets) => sockets.map(({ closed }) => closed);
const codes = (sockets: Sockets) => sockets.map(({ closed }) => closed?.code);
const open = [undefined, undefined, undefined, undefined];

async function alive(t: Pair, sockets: Sockets, ms: number): Promise<void> {
  for (let at = 0; at < ms; at += 1_000) {
    await t.clock.advance(1_000);
    for (const socket of sockets) socket.pong();
  }
}

describe("a registered session", () => {
  test("[P-SESS-1] a token whose session is not registered is refused on every node, and accepted once it is", async () => {
    await using t = new Pair();
    const refused = { code: "unauthenticated" };
    await expect(t.admit(t.b, "ada", "s1")).rejects.toMatchObject(refused);
    await t.put("s1");
    expect(await t.admit(t.b, "ada", "s1")).toMatchObject({ session: "s1" });
    const plain = t.b.user("ada");
    expect(await t.b.core.admission.admit(plain)).toBe(plain);
  });

  test("[P-SESS-1] a session of one user refuses the tokens of another, and accepts one that names no user", async () => {
    await using t = new Pair();
    await t.put("s1", { user: "ada" });
    await t.admit(t.a, "ada", "s1");
    await t.admit(t.a, undefined, "s1");
    const eve = t.admit(t.b, "eve", "s1");
    await expect(eve).rejects.toMatchObject({ code: "unauthenticated" });
    await expect(t.put("s1", { user: "eve" })).rejects.toMatchObject({ code: "already_exists" });
  });

  test("[P-SESS-2] [G10] the end of a session closes its connections and feeds on every node at once", async () => {
    await using t = new Pair();
    await t.put("s1");
    await t.put("s2");
    const sockets = await t.sockets("s1");
    const others = await t.sockets("s2");
    await t.clock.until(t.a.core.sessions.end(t.a.service, "s1"));
    await t.clock.settle();
    const feed = { code: 1008, reason: "Session revoked" };
    expect(closes(sockets)).toMatchObject([{ code: 4102 }, feed, { code: 4102 }, feed]);
    expect(codes(others)).toEqual(open);
    const again = t.admit(t.b, "ada", "s1");
    await expect(again).rejects.toMatchObject({ code: "token_revoked" });
  });

  test("[P-SESS-2] [G10] the end of a session reaches a node within 5 s that missed the signal", async () => {
    await using t = new Pair();
    await t.put("s1");
    const sockets = await t.sockets("s1");
    t.engine.losesSignal = () => true;
    await t.clock.until(t.a.core.sessions.end(t.a.service, "s1"));
    await t.clock.advance(5_000);
    expect(codes(sockets)).toEqual([4102, 1008, 4102, 1008]);
  });

  test("[P-SESS-2] [G10] a session that is not extended closes its connections on every node within 5 s of its end", async () => {
    await using t = new Pair();
    await t.put("s1");
    const sockets = await t.sockets("s1");
    await alive(t, sockets, 58_000);
    expect(codes(sockets)).toEqual(open);
    await alive(t, sockets, 6_000);
    const feed = { code: 1008, reason: "Session expired" };
    expect(closes(sockets)).toMatchObject([{ code: 4101 }, feed, { code: 4101 }, feed]);
  });

  test("[P-SESS-3] a session that is extended keeps its connections open, without asking their clients for a new token", async () => {
    await using t = new Pair();
    await t.put("s1");
    const sockets = await t.sockets("s1");
    for (let n = 0; n < 5; n++) {
      await alive(t, sockets, 30_000);
      await t.put("s1");
    }
    expect(codes(sockets)).toEqual(open);
    const notices = sockets
      .flatMap((socket) => socket.take())
      .filter(({ type }) => type === "notice");
    expect(notices).toEqual([]);
  });

  test("[P-SESS-3] the token still expires at its own time, and is announced", async () => {
    await using t = new Pair();
    await t.put("s1", { ttlMs: 100_000 });
    const sockets = await t.sockets("s1", { expiresAt: t.clock.now() + 120_000 });
    await alive(t, sockets, 50_000);
    await t.put("s1", { ttlMs: 3_600_000 });
    await alive(t, sockets, 62_000);
    expect(sockets[0]?.take().map(({ code }) => code)).toContain("token_expiring");
    await alive(t, sockets, 10_000);
    expect(codes(sockets)).toEqual([4101, 1008, 4101, 1008]);
  });

  test("[P-SESS-3] [G10] a session that is registered with an earlier end or for a user closes what no longer fits, on every node", async () => {
    await using t = new Pair();
    await t.put("s1", { ttlMs: 3_600_000 });
    const sockets = await t.sockets("s1");
    await t.put("s1", { ttlMs: 2_000 });
    await alive(t, sockets, 7_000);
    expect(codes(sockets)).toEqual([4101, 1008, 4101, 1008]);
    await t.put("s2");
    const others = await t.sockets("s2");
    await t.put("s2", { user: "eve" });
    await t.clock.advance(1_000);
    expect(codes(others)).toEqual([4101, 1008, 4101, 1008]);
  });

  test("[P-SESS-3] while the store is away, the connections of a session stay until its end", async () => {
    await using t = new Pair();
    await t.put("s1", { ttlMs: 20_000 });
    const sockets = await t.sockets("s1");
    t.isAway = true;
    await alive(t, sockets, 17_000);
    expect(codes(sockets)).toEqual(open);
    await alive(t, sockets, 7_000);
    expect(codes(sockets)).toEqual([4101, 1008, 4101, 1008]);
  });

  test("[P-SESS-1] [P-SESS-5] a session may have any id, and its credential fits into a path", async () => {
    await using t = new Pair();
    const ids = ["ann@example.com", "a b/c", "é", "a.b~c", "x".repeat(500)];
    for (const id of ids) {
      const { credential = "" } = await t.put(id, { credential: true });
      expect(credential).toMatch(/^[A-Za-z0-9_.~-]{1,200}$/);
      expect(await t.clock.until(t.b.core.openSession(credential))).toMatchObject({ session: id });
      await t.admit(t.b, "ada", id);
    }
    await expect(t.put("\ud800")).rejects.toMatchObject({ code: "bad_message" });
  });

  test("[P-SESS-4] only a service registers, reads and ends sessions, and a deployment without them answers not_supported", async () => {
    await using t = new Pair();
    const { sessions } = t.a.core;
    const ada = t.a.user("ada");
    const code = "forbidden";
    await expect(sessions.register(ada, "s", { ttlMs: 1_000 })).rejects.toMatchObject({ code });
    await expect(sessions.get(ada, "s")).rejects.toMatchObject({ code });
    await expect(sessions.end(ada, "s")).rejects.toMatchObject({ code });
    await using plain = testCore();
    await expect(
      plain.core.sessions.register(plain.service, "s", { ttlMs: 1_000 }),
    ).rejects.toMatchObject({ code: "not_supported" });
    const free = plain.user("ada", { session: "any" });
    expect(await plain.core.admission.admit(free)).toBe(free);
  });

  test.each([0, 999, Number.NaN, 34_560_000_001])(
    "[P-SESS-4] a session with a ttl_ms of %d is refused",
    async (ttlMs) => {
      await using t = new Pair();
      await expect(t.put("s1", { ttlMs })).rejects.toMatchObject({ code: "bad_message" });
    },
  );
});

describe("a session that is a credential of its own", () => {
  test("[P-SESS-5] the secret is returned once, has 258 random bits, and is stored only as a hash", async () => {
    await using t = new Pair();
    const made = await t.put("s1", { credential: true, user: "ada" });
    expect(made.credential).toMatch(/^s1\.[A-Za-z0-9_-]{43}$/);
    expect(made.session_id).toBe("s1");
    const again = await t.put("s1", { credential: true });
    expect(again.credential).toBeUndefined();
    expect(again.has_credential).toBe(true);
    const secret = made.credential?.slice(3) ?? "";
    const stored = await t.records?.get("session", "s1");
    expect(stored?.value).not.toContain(secret);
    expect(stored?.value).toContain(digest(secret));
    const view = await t.a.core.sessions.get(t.a.service, "s1");
    expect(JSON.stringify(view)).not.toContain(secret);
  });

  test("[P-SESS-5] the credential opens the feed of its session on every node, and nothing else", async () => {
    await using t = new Pair();
    const { credential = "" } = await t.put(undefined, { credential: true });
    const principal = await t.clock.until(t.b.core.openSession(credential));
    const [id = ""] = credential.split(".");
    expect(principal).toMatchObject({ session: id, grants: { subscribe: [], publish: [] } });
    const feed = t.b.connectFeed(id, principal);
    await t.clock.advance(1_000);
    expect(feed.closed).toBeUndefined();
    const foreign = t.b.connectFeed("other", principal);
    expect(foreign.closed).toEqual({ code: 1008, reason: "Invalid session" });
    const { connections } = await t.clock.until(
      t.a.core.connections.list(t.a.service, { session: id }),
    );
    expect(JSON.stringify(connections)).not.toContain(credential);
    await t.clock.until(t.a.core.sessions.end(t.a.service, id));
    await t.clock.settle();
    expect(feed.closed).toEqual({ code: 1008, reason: "Session revoked" });
    await expect(t.clock.until(t.b.core.openSession(credential))).rejects.toMatchObject({
      code: "unauthenticated",
    });
  });

  test("[P-SESS-5] a public id, a wrong secret, a secret of another session and an ended session open nothing", async () => {
    await using t = new Pair();
    const { credential: one = "" } = await t.put("s1", { credential: true });
    const { credential: two = "" } = await t.put("s2", { credential: true });
    await t.put("s3");
    const secret = one.slice(3);
    for (const wrong of [
      "s1",
      "s1.",
      `s1.${"A".repeat(43)}`,
      `s2.${secret}`,
      `s3.${secret}`,
      `.${secret}`,
      secret,
      `${one}A`,
      one.toLowerCase(),
      `s1.${digest(secret)}`,
    ]) {
      const opening = t.a.core.openSession(wrong);
      await expect(opening).rejects.toMatchObject({ code: "unauthenticated" });
    }
    await t.clock.advance(minuteMs);
    await expect(t.a.core.openSession(two)).rejects.toMatchObject({ code: "unauthenticated" });
  });

  test("[P-SESS-5] a deployment that does not say so makes and takes no credentials", async () => {
    await using t = new Pair({ credentials: false });
    await expect(t.put("s1", { credential: true })).rejects.toMatchObject({
      code: "not_supported",
    });
    await t.put("s1");
    const opening = t.a.core.openSession(`s1.${"A".repeat(43)}`);
    await expect(opening).rejects.toMatchObject({ code: "unauthenticated" });
  });
});

describe("a session that the backend validates", () => {
  test("[P-SESS-6] a session that is not registered is validated by the backend, for its user and until its end", async () => {
    const asked: unknown[] = [];
    await using t = new Pair({
      validate: async (session, user) => {
        asked.push([session, user]);
        if (session === "gone") return undefined;
        return { endsAt: new ManualClock().now() + minuteMs, user: "ada" };
      },
    });
    await t.admit(t.a, "ada", "known");
    for (const [user, session] of [
      ["eve", "known"],
      ["ada", "gone"],
    ] as const) {
      const refused = { code: "unauthenticated" };
      await expect(t.admit(t.a, user, session)).rejects.toMatchObject(refused);
    }
    await t.put("own");
    await t.admit(t.a, "ada", "own");
    expect(asked).toEqual([
      ["known", "ada"],
      ["known", "eve"],
      ["gone", "ada"],
    ]);
  });

  test("[P-SESS-6] a connection whose session the backend no longer confirms ends within 5 s of the end it was given", async () => {
    let isValid = true;
    const clocks: ManualClock[] = [];
    await using t = new Pair({
      validate: async () => (isValid ? { endsAt: (clocks[0]?.now() ?? 0) + 20_000 } : undefined),
    });
    clocks.push(t.clock);
    const sockets = await t.sockets("s1");
    await alive(t, sockets, 50_000);
    expect(codes(sockets)).toEqual(open);
    isValid = false;
    await alive(t, sockets, 25_000);
    expect(codes(sockets)).toEqual([4101, 1008, 4101, 1008]);
  });

  test("[P-SESS-6] a backend that cannot tell now refuses with its retryable error", async () => {
    const away = new MilepostError("unavailable", "the backend is failing", {
      retryAfterMs: 1_000,
    });
    await using t = new Pair({ validate: () => Promise.reject(away) });
    await expect(t.admit(t.a, "ada", "s1")).rejects.toBe(away);
  });
});
