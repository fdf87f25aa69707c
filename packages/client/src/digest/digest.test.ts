import type { Digest } from "@milepost/model";
import { describe, expect, it } from "vitest";
import { createClient } from "../create-client.ts";
import { ManualClock, ScriptedGateway, settle } from "../testing/index.ts";
import { LiveDigest } from "./live-digest.ts";

const digest: Digest = {
  since: 1,
  until: 9,
  totals: {
    steps_done: 3,
    warnings: 2,
    errors: 0,
    questions: 1,
    started: 0,
    finished: 0,
    failed: 0,
    notifications: 0,
  },
  operations: [],
  open_questions: 1,
  more: false,
  seen: { at: 9, positions: { "operation:9": "e1.4.t4" } },
};

/** A page that a test hides and shows. */
class Page {
  visible = true;
  readonly #listeners = new Set<() => void>();

  isVisible(): boolean {
    return this.visible;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  turn(visible: boolean): void {
    this.visible = visible;
    for (const listener of this.#listeners) listener();
  }
}

async function follow(user: string | null = "7") {
  const [clock, gateway, page] = [new ManualClock(), new ScriptedGateway(), new Page()];
  const client = createClient({ url: "ws://test/ws", webSocket: gateway.webSocket, clock });
  const handle = new LiveDigest(client, page);
  const stop = handle.subscribe(() => {});
  await settle();
  await gateway.last.accept({ user_id: user });
  const answer = async (method: string, result: object) => {
    await settle();
    const request = gateway.last.take("request");
    expect(request.method).toBe(method);
    await gateway.last.reply(request, result);
    return request.params;
  };
  /** Lets time pass in steps that keep the connection alive. */
  const pass = async (ms: number) => {
    for (let left = ms; left > 0; left -= 5_000) {
      await clock.advance(Math.min(left, 5_000));
      while (gateway.last.count("ping") > 0) {
        await gateway.last.say({ type: "pong", id: gateway.last.take("ping").id });
      }
    }
  };
  return { clock, gateway, page, handle, stop, answer, pass };
}

describe("the digest of a client", () => {
  it("[P-DIG-6] a page asks for the digest on return, says that it was seen, and then moves the position live", async () => {
    const { gateway, page, handle, stop, answer, pass } = await follow();
    await answer("digest.get", digest);
    expect(handle.getSnapshot()).toMatchObject({ status: "ready", digest: { since: 1 } });
    // Until the person has seen it, nothing moves.
    await pass(120_000);
    expect(gateway.last.count("request")).toBe(0);
    const seeing = handle.seen();
    expect(await answer("digest.seen", { at: 9, positions: 1 })).toEqual(digest.seen);
    await seeing;
    expect(handle.getSnapshot()).toMatchObject({ status: "seen", digest: undefined });
    await pass(60_000);
    expect(await answer("digest.seen", { at: 10, positions: 1 })).toEqual({ now: true });
    page.turn(false);
    expect(await answer("digest.seen", { at: 11, positions: 1 })).toEqual({ now: true });
    await pass(60_000);
    expect(gateway.last.count("request")).toBe(0);
    page.turn(true);
    await answer("digest.get", digest);
    expect(handle.getSnapshot().status).toBe("ready");
    stop();
    await pass(60_000);
    expect(gateway.last.count("request")).toBe(0);
  });

  it("[P-DIG-6] whoever was never here begins live, one without a user has no digest, and a failure is tried again", async () => {
    const first = await follow();
    const { since: _, ...never } = digest;
    await first.answer("digest.get", never);
    await first.answer("digest.seen", { at: 9, positions: 1 });
    expect(first.handle.getSnapshot().status).toBe("seen");
    expect((await follow(null)).handle.getSnapshot().status).toBe("none");
    const again = await follow();
    await settle();
    await again.gateway.last.refuse(again.gateway.last.take("request"), {
      code: "store_unavailable",
      message: "the store is away",
      retryable: true,
    });
    await again.pass(5_000);
    await again.answer("digest.get", digest);
    expect(again.handle.getSnapshot().status).toBe("ready");
  });

  it("[P-DIG-6] a digest that nobody follows any more asks for nothing again", async () => {
    const { gateway, stop, pass } = await follow();
    await settle();
    const request = gateway.last.take("request");
    stop();
    const away = { code: "store_unavailable", message: "the store is away", retryable: true };
    await gateway.last.refuse(request, away);
    await pass(10_000);
    expect(gateway.last.count("request")).toBe(0);
  });

  it("[P-DIG-6] what happens after a person has closed the digest stays unseen, although closing also says seen", async () => {
    const { gateway, handle, stop, answer, pass } = await follow();
    await answer("digest.get", digest);
    const seeing = handle.seen();
    await settle();
    const request = gateway.last.take("request");
    stop();
    await gateway.last.reply(request, { at: 9, positions: 1 });
    await seeing;
    expect(handle.getSnapshot().status).toBe("loading");
    handle.subscribe(() => {})();
    await pass(60_000);
    const methods = gateway.last.sent.filter(({ type }) => type === "request");
    expect(methods).toMatchObject([{ method: "digest.get" }]);
  });

  it("[P-DIG-6] a digest leaves the page before another person's is asked for", async () => {
    const { clock, gateway, handle, answer } = await follow();
    await answer("digest.get", digest);
    await gateway.last.drop();
    await clock.advance(2_000);
    await settle();
    await gateway.last.accept({ user_id: "8" });
    expect(handle.getSnapshot()).toMatchObject({ status: "loading", digest: undefined });
    await answer("digest.get", { ...digest, since: 5 });
    expect(handle.getSnapshot()).toMatchObject({ status: "ready", digest: { since: 5 } });
  });

  it("[P-DIG-6] one operation of the digest can be seen on its own", async () => {
    const { handle, answer } = await follow();
    await answer("digest.get", digest);
    const seeing = handle.seenOperation("9");
    const params = await answer("digest.seen", { positions: 1 });
    expect(params).toEqual({ positions: { "operation:9": "e1.4.t4" } });
    await answer("digest.get", { ...digest, totals: { ...digest.totals, steps_done: 0 } });
    await seeing;
    expect(handle.getSnapshot().digest?.totals.steps_done).toBe(0);
  });
});
