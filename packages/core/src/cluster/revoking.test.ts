import { ManualClock, SeededRandom, SharedEngine } from "@milepost/engine/testing";
import { describe, expect, test } from "vitest";
import { type TestCore, testCore } from "../testing/index.ts";

const grants = { subscribe: ["chat:*", "room:*"], publish: ["chat:*"] };

/** Two nodes on one engine and one clock. */
class Pair implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly engine = new SharedEngine(this.clock, new SeededRandom());
  readonly a: TestCore;
  readonly b: TestCore;

  constructor() {
    this.engine.isShared = true;
    const { clock, engine } = this;
    this.a = testCore({ clock, engine: engine.factory, node: "a" });
    this.b = testCore({ clock, engine: engine.factory, node: "b" });
  }

  /** Opens one socket per node for a user whose token was issued now. */
  async sockets(rest: Partial<Parameters<TestCore["user"]>[1]> = {}) {
    const principal = this.a.user("ada", { issuedAt: this.clock.now(), ...rest });
    const sockets = [this.a, this.b].map((t) => t.connect({ principal }));
    await this.clock.advance(1_000);
    return sockets;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of [this.a, this.b]) await node[Symbol.asyncDispose]();
  }
}

const codes = (sockets: Awaited<ReturnType<Pair["sockets"]>>) =>
  sockets.map(({ closed }) => closed?.code);

describe("revocations", () => {
  test("[G10] [P-CONN-4] a revocation closes the sockets of its user, session or token on every node at once", async () => {
    await using t = new Pair();
    const { a, clock } = t;
    const byUser = await t.sockets();
    const bySession = await t.sockets({ user: "bob", session: "s" } as object);
    const byToken = await t.sockets({ tokenId: "j", session: "t" });
    await a.core.connections.revoke(a.service, { token: "j" });
    await clock.settle();
    expect(codes(byToken)).toEqual([4102, 4102]);
    expect([...codes(byUser), ...codes(bySession)].every((code) => code === undefined)).toBe(true);
    await a.core.connections.revoke(a.service, { session: "s" });
    await clock.settle();
    expect(codes(bySession)).toEqual([4102, 4102]);
    expect(codes(byUser)).toEqual([undefined, undefined]);
    await a.core.connections.revoke(a.service, { user: "ada" });
    await clock.settle();
    expect(codes(byUser)).toEqual([4102, 4102]);
  });

  test("[G10] a revocation closes sockets within 5 s on a node that missed the signal", async () => {
    await using t = new Pair();
    t.engine.losesSignal = () => true;
    const sockets = await t.sockets();
    await t.a.core.connections.revoke(t.a.service, { user: "ada" });
    await t.clock.settle();
    expect(codes(sockets)).toEqual([4102, undefined]);
    await t.clock.advance(5_000);
    expect(codes(sockets)).toEqual([4102, 4102]);
  });

  test("[G10] [P-CONN-5] a revoked token is refused on any node until the revocation ends; one issued later is accepted", async () => {
    await using t = new Pair();
    const { a, b, clock } = t;
    const old = b.user("ada", { issuedAt: clock.now() });
    const undated = b.user("ada");
    await clock.advance(2_000);
    await a.core.connections.revoke(a.service, { user: "ada", ttlMs: 3_600_000 });
    await clock.advance(2_000);
    const fresh = b.user("ada", { issuedAt: clock.now() });
    for (const principal of [old, undated]) {
      await expect(b.core.admission.verifyToken(b.token(principal))).rejects.toMatchObject({
        code: "token_revoked",
        retryable: true,
      });
      await expect(b.core.admission.admit(principal)).rejects.toMatchObject({
        code: "token_revoked",
      });
      const socket = b.connect();
      socket.send({ type: "auth", id: 1, token: b.token(principal) });
      await clock.settle();
      expect(socket.closed?.code).toBe(4102);
      // This connect carries a token that was verified just before the revocation.
      const late = b.connect({ principal });
      await clock.settle();
      expect(late.closed?.code).toBe(4102);
    }
    expect(await b.core.admission.admit(fresh)).toBe(fresh);
    expect(await b.core.admission.verifyToken(b.token(fresh))).toBe(fresh);
    expect(await b.core.admission.admit(b.service)).toBe(b.service);
    // A node that starts later reads the revocation from the store.
    await using later = testCore({ clock, engine: t.engine.factory, node: "later" });
    await expect(later.core.admission.admit(old)).rejects.toMatchObject({ code: "token_revoked" });
    await clock.advance(3_600_000);
    expect(await b.core.admission.admit(undated)).toBe(undated);
  });

  test("[P-CONN-6] revoking a grant ends only the subscriptions it allowed, with an unsubscribed message", async () => {
    await using t = new Pair();
    const { a, clock } = t;
    const [, socket] = await t.sockets({ grants });
    for (const [id, channel] of ["chat:1", "room:1", "user:ada"].entries()) {
      socket?.send({ type: "subscribe", id, channel });
    }
    await clock.settle();
    socket?.take();
    await a.core.connections.revoke(a.service, { user: "ada", grants: ["room:*"] });
    await clock.settle();
    expect(socket?.take()).toMatchObject([
      { type: "unsubscribed", channel: "room:1", reason: "forbidden" },
    ]);
    expect(socket?.closed).toBeUndefined();
    socket?.send({ type: "subscribe", id: 7, channel: "room:1" });
    await clock.settle();
    expect(socket?.take()).toMatchObject([{ id: 7, error: { code: "forbidden" } }]);
    await a.publish("chat:1", "e", 1);
    await clock.settle();
    expect(socket?.take()).toMatchObject([{ type: "event", channel: "chat:1" }]);
  });

  test("[G10] a revoked token is refused on an open socket, which keeps its old token", async () => {
    await using t = new Pair();
    const { a, clock } = t;
    const [socket] = await t.sockets();
    await a.core.connections.revoke(a.service, { token: "j" });
    const token = a.token(a.user("ada", { tokenId: "j" }));
    socket?.send({ type: "auth", id: 1, token });
    await clock.settle();
    expect(socket?.take().at(-1)).toMatchObject({ id: 1, error: { code: "token_revoked" } });
    // The connection keeps its old token.
    expect(socket?.closed).toBeUndefined();
  });

  test("revoking a session closes its session feed with 1008", async () => {
    await using t = new Pair();
    const { b, a, clock } = t;
    const feed = b.connectFeed("s", b.user("ada", { session: "s" }));
    await clock.settle();
    await a.core.connections.revoke(a.service, { session: "s" });
    await clock.settle();
    expect(feed.closed).toEqual({ code: 1008, reason: "Session revoked" });
  });

  test("revoke refuses a ttl_ms outside its bounds with bad_message", async () => {
    await using t = testCore();
    for (const ttlMs of [0, Number.NaN, 500 * 86_400_000]) {
      const revoked = t.core.connections.revoke(t.service, { user: "ada", ttlMs });
      await expect(revoked).rejects.toMatchObject({ code: "bad_message" });
    }
  });
});

describe("revocations during a store outage", () => {
  test("[G10] in a store outage, a node that never read revocations admits no user; one that read them admits users as before", async () => {
    const clock = new ManualClock();
    const engine = new SharedEngine(clock, new SeededRandom());
    const mortal = engine.mortal();
    await using known = testCore({ clock, engine: mortal.factory, node: "known" });
    const user = known.user("ada");
    expect(await known.core.admission.admit(user)).toBe(user);
    mortal.die();
    expect(await known.core.admission.admit(user)).toBe(user);
    await using fresh = testCore({ clock, engine: mortal.factory, node: "fresh" });
    await expect(fresh.core.admission.admit(user)).rejects.toMatchObject({
      code: "store_unavailable",
    });
    await expect(fresh.core.admission.verifyToken(fresh.token(user))).rejects.toMatchObject({
      code: "store_unavailable",
    });
  });
});
