import { ManualClock, ScriptedGateway, settle } from "@milepost/client/testing";
import type { PersonalState } from "@milepost/model";
import { act, cleanup, renderHook } from "@testing-library/react";
import { StrictMode } from "react";
import { renderToString } from "react-dom/server";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { at, event } from "../testing/world.tsx";
import type { UseWebSocketOptions } from "./studio-connection.ts";
import { useWebSocket } from "./use-web-socket.ts";

afterEach(cleanup);
beforeEach(() => {
  localStorage.clear();
  sessionStorage.clear();
});

const userId = "user_1700000000000_abc";
const url = "http://localhost:3001";

/** Gateway's answers to `POST /v1/guests`: each name belongs to the first page that claims it. */
function guestDesk(clock: ManualClock) {
  const claims: string[] = [];
  const taken = new Set<string>();
  const fetch = async (address: string, init: { readonly body?: string }) => {
    const { claim } = JSON.parse(init.body ?? "{}") as { claim: string };
    claims.push(`${address} ${claim}`);
    const headers = { "Content-Type": "application/problem+json" };
    if (taken.has(claim)) {
      const type = "urn:milepost:error:already_exists";
      const problem = {
        status: 409,
        code: "already_exists",
        type,
        title: "taken",
        retryable: false,
      };
      return new Response(JSON.stringify({ ...problem, detail: "taken" }), {
        status: 409,
        headers,
      });
    }
    taken.add(claim);
    const expires_at = clock.now() + 7 * 86_400_000;
    return Response.json({ guest_id: claim, token: `mpguest.${claim}`, expires_at });
  };
  return { claims, taken, fetch: fetch as unknown as typeof globalThis.fetch };
}

function setUp(given: UseWebSocketOptions = {}, clock = new ManualClock()) {
  const gateway = new ScriptedGateway();
  const desk = guestDesk(clock);
  const options = (): UseWebSocketOptions => ({
    url,
    userId,
    transports: ["websocket"],
    client: { webSocket: gateway.webSocket, clock, random: () => 0.5, fetch: desk.fetch },
    ...given,
  });
  const hook = renderHook(() => useWebSocket(options()), { wrapper: StrictMode });
  const after = (does: () => unknown) =>
    act(async () => {
      await does();
      await settle();
    });
  const own = `guest:${userId}`;
  let offset = 0;
  return {
    ...hook,
    gateway,
    clock,
    desk,
    after,
    get value() {
      return hook.result.current;
    },
    /** Accepts the newest socket as the guest, and answers its subscribe with a state. */
    async accept(state?: Partial<PersonalState>) {
      await act(settle);
      await after(() => gateway.last.accept({ user_id: null, session_id: null, guest_id: userId }));
      const subscribes = gateway.last.sent.splice(0).filter(({ type }) => type === "subscribe");
      for (const message of subscribes as { id: number; channel: string }[]) {
        if (message.channel !== own) {
          await after(() => gateway.last.refuse(message, { code: "forbidden" }));
          continue;
        }
        const snapshot = {
          projection: "personal",
          state: { operations: {}, notifications: [], errors: [], ...state },
        };
        await after(() =>
          gateway.last.reply(message, {
            channel: own,
            position: at(offset),
            recovered: false,
            ...(state !== undefined && { snapshot }),
          }),
        );
      }
    },
    say: (name: string, data: object) =>
      after(() => gateway.last.say({ ...event(own, ++offset, name, data), ts: clock.now() })),
    pass: (ms: number) => act(() => clock.advance(ms)),
  };
}

describe("useWebSocket", () => {
  it("useWebSocket returns exactly the nine fields, and is not connected before the welcome", async () => {
    const world = setUp();
    expect(Object.keys(world.value).sort()).toEqual([
      "clearErrors",
      "clearNotifications",
      "connected",
      "errors",
      "generationProgress",
      "notifications",
      "previewStatus",
      "queuePosition",
      "syncProgress",
    ]);
    expect(world.value).toMatchObject({ connected: false, queuePosition: null, errors: [] });
    await world.accept();
    expect(world.value.connected).toBe(true);
  });

  it("[P-GUEST-6] with a userId alone the page claims the guest with this name, once, and a reload presents the same token", async () => {
    const world = setUp();
    await world.accept();
    expect(world.desk.claims).toEqual([`${url}/v1/guests ${userId}`]);
    expect(world.gateway.last.protocols).toContain(`milepost.token.mpguest.${userId}`);
    world.unmount();
    const again = setUp();
    again.desk.taken.add(userId);
    await again.accept();
    expect(again.desk.claims).toEqual([]);
    expect(again.gateway.last.protocols).toContain(`milepost.token.mpguest.${userId}`);
  });

  it("[P-GUEST-6] a name that another page has is shown as an error, once for all attempts", async () => {
    const world = setUp();
    world.desk.taken.add(userId);
    await act(settle);
    await world.pass(5_000);
    expect(world.value.connected).toBe(false);
    expect(world.value.errors).toMatchObject([{ code: "already_exists" }]);
  });

  it("[P-PERSON-2] after a reload in the middle the hook shows what the gateway kept, and folds what follows onto it", async () => {
    const world = setUp();
    await world.accept({
      queue: { position: 2, total: 3, estimated_wait_ms: 60_000, estimatedWaitTime: 60_000, at: 1 },
      sync: {
        stage: "validating",
        percent: 10,
        message: "Checking the files",
        failed: false,
        at: 2,
      },
    });
    expect(world.value.queuePosition).toMatchObject({ position: 2, total: 3 });
    expect(world.value.syncProgress).toMatchObject({ stage: "validating", percent: 10 });
    await world.say("sync:progress", { stage: "launching", percent: 70, message: "Launching" });
    await world.say("preview:status", { status: "ready", url: "http://localhost:8000" });
    await world.say("generation:progress", { percent: 40, preview: "def main():" });
    expect(world.value).toMatchObject({
      queuePosition: null,
      syncProgress: { stage: "launching", percent: 70 },
      previewStatus: { status: "ready", url: "http://localhost:8000" },
      generationProgress: { percent: 40, preview: "def main():" },
    });
  });

  it.each([
    ["info", 5_000],
    ["success", 5_000],
    ["warning", 30_000],
    ["error", 60_000],
  ])("a notification of the type %s disappears after %i ms", async (type, ms) => {
    const world = setUp();
    await world.accept();
    await world.say("notification", { type, message: "Files synced" });
    await world.pass(ms - 1);
    expect(world.value.notifications).toMatchObject([
      { type, level: type, message: "Files synced" },
    ]);
    await world.pass(1);
    expect(world.value.notifications).toEqual([]);
  });

  it("a notification from before a reload is shown for the rest of its time, even if the clock of the page is wrong", async () => {
    const clock = new ManualClock();
    const one = (id: string, ageMs: number) =>
      ({ id, level: "info", type: "info", message: id, at: clock.now() - ageMs }) as const;
    const world = setUp({}, clock);
    await world.accept({
      notifications: [one("old", 9_000), one("new", 2_000), one("future", -60_000)],
    });
    const shown = () => world.value.notifications.map(({ id }) => id);
    expect(shown()).toEqual(["new", "future"]);
    await world.pass(3_000);
    expect(shown()).toEqual(["future"]);
    await world.pass(2_000);
    expect(shown()).toEqual([]);
  });

  it("errors stay until they are cleared, and what was cleared stays away after a reload", async () => {
    const world = setUp();
    await world.accept();
    await world.say("error", { message: "No space left", code: "disk_full", id: "disk" });
    await world.pass(25_000);
    expect(world.value.errors).toMatchObject([{ message: "No space left", code: "disk_full" }]);
    const { errors } = world.value;
    await world.after(() => world.value.clearErrors());
    expect(world.value.errors).toEqual([]);
    world.unmount();
    const again = setUp({}, world.clock);
    await again.accept({ errors });
    expect(again.value.errors).toEqual([]);
    await again.say("error", { message: "No space left", code: "disk_full", id: "disk" });
    expect(again.value.errors).toHaveLength(1);
  });

  it("clearNotifications removes what is shown and nothing that comes later", async () => {
    const world = setUp();
    await world.accept();
    await world.say("notification", { message: "a" });
    await world.after(() => world.value.clearNotifications());
    expect(world.value.notifications).toEqual([]);
    await world.pass(10);
    await world.say("notification", { message: "b" });
    expect(world.value.notifications).toMatchObject([{ message: "b" }]);
  });

  it("the page gives up after five attempts to reconnect, and tries again when it is shown", async () => {
    const world = setUp();
    await world.accept();
    await world.after(() => world.gateway.last.drop());
    for (let i = 0; i < 5; i++) {
      await world.pass(20_000);
      await world.after(() => world.gateway.last.drop());
    }
    await world.pass(120_000);
    expect(world.gateway.sockets).toHaveLength(6);
    expect(world.value.connected).toBe(false);
    await world.after(() => window.dispatchEvent(new Event("online")));
    await world.accept();
    expect(world.value.connected).toBe(true);
  });

  it("a shutdown of the server is a notification, and what was shown stays while the page reconnects", async () => {
    const world = setUp();
    await world.accept({
      sync: { stage: "syncing", percent: 50, message: "Syncing", failed: false, at: 2 },
    });
    await world.after(() =>
      world.gateway.last.say({
        type: "notice",
        code: "server_shutting_down",
        reconnect: { min_ms: 100, max_ms: 200 },
      }),
    );
    await world.pass(200);
    expect(world.value.notifications).toMatchObject([{ message: /restarting/ }]);
    expect(world.value.syncProgress).toMatchObject({ percent: 50 });
    await world.accept();
    expect(world.value).toMatchObject({ connected: true, syncProgress: { percent: 50 } });
  });

  it("without autoConnect, and while rendering on a server, nothing connects", async () => {
    const world = setUp({ autoConnect: false });
    await act(settle);
    expect(world.gateway.sockets).toEqual([]);
    expect(world.value.connected).toBe(false);
    const Page = () => <p>{String(useWebSocket({ url: "/ws", userId }).connected)}</p>;
    expect(renderToString(<Page />)).toContain("false");
  });

  it("unmounting closes the connection, and StrictMode opens one only", async () => {
    const world = setUp();
    await world.accept();
    expect(world.gateway.sockets).toHaveLength(1);
    world.unmount();
    await act(settle);
    expect(world.gateway.openSockets).toBe(0);
    expect(world.clock.timers).toBe(0);
  });

  it("a token makes the page a user, whose own updates it shows, and the userId is not claimed", async () => {
    const world = setUp({ token: "user-token" });
    await act(settle);
    await world.after(() => world.gateway.last.accept({ user_id: "7", session_id: null }));
    const channels = world.gateway.last.sent.flatMap((one) =>
      one.type === "subscribe" ? [one.channel] : [],
    );
    expect(channels).toEqual(["user:7", "broadcast"]);
    expect(world.desk.claims).toEqual([]);
  });

  it("components for the same visitor share one connection, which ends with the last of them", async () => {
    const gateway = new ScriptedGateway();
    const clock = new ManualClock();
    const client = { webSocket: gateway.webSocket, clock, fetch: guestDesk(clock).fetch };
    const options: UseWebSocketOptions = { url, userId, transports: ["websocket"], client };
    const first = renderHook(() => useWebSocket(options), { wrapper: StrictMode });
    const second = renderHook(() => useWebSocket({ ...options }), { wrapper: StrictMode });
    const other = renderHook(() => useWebSocket({ ...options, userId: "user_of_somebody_else" }));
    await act(settle);
    expect(gateway.sockets).toHaveLength(2);
    const [mine] = gateway.sockets;
    await act(() => mine?.accept({ user_id: null, session_id: null, guest_id: userId }));
    expect([first, second, other].map(({ result }) => result.current.connected)).toEqual([
      true,
      true,
      false,
    ]);
    first.unmount();
    await act(settle);
    expect(mine?.closed).toBeUndefined();
    second.unmount();
    await act(settle);
    expect(mine?.closed).toBeDefined();
    other.unmount();
  });
});
