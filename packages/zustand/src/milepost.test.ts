import { connectedClient, settle } from "@milepost/client/testing";
import type { ChatState } from "@milepost/model";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { createJSONStorage, devtools, persist } from "zustand/middleware";
import { immer } from "zustand/middleware/immer";
import { createStore } from "zustand/vanilla";
import {
  type MilepostState,
  milepost,
  persistOptions,
  selectAgent,
  selectChannel,
  selectConnection,
  selectMessages,
  selectOperation,
} from "./index.ts";

const at = (offset: number) => `e.${offset}.t${offset}`;

interface State extends MilepostState {
  readonly drafts: number;
  type(): void;
}

function event(channel: string, offset: number, name: string, data: unknown) {
  return {
    type: "event",
    channel,
    position: at(offset),
    event: name,
    data,
    ts: 1_700_000_000_000 + offset,
  };
}

const said = (offset: number, content: string) =>
  event("chat:1", offset, "chat_message", { content, role: "user" });

async function world(welcome: object = {}) {
  const t = await connectedClient({}, welcome);
  const runs: (() => void)[] = [];
  const schedule = (run: () => void) => runs.push(run);
  /** Lets the client handle everything, and shows it in the store. */
  const shown = async () => {
    await settle();
    for (const run of runs.splice(0)) run();
    await settle();
  };
  const options = { schedule };
  const own = (set: (values: Partial<State>) => void, get: () => State) => ({
    drafts: 0,
    type: () => set({ drafts: get().drafts + 1 }),
  });
  return { ...t, options, own, shown };
}

/** Developer tools as a page has them, which record actions and set the store back. */
function fakeDevtools() {
  const actions: { readonly type: string; readonly [detail: string]: unknown }[] = [];
  const states: string[] = [];
  let tell: (message: object) => void = () => {};
  const connection = {
    init: (state: unknown) => states.push(JSON.stringify(state)),
    send: (action: { type: string }, state: unknown) => {
      actions.push(action);
      states.push(JSON.stringify(state));
    },
    subscribe: (listener: (message: object) => void) => {
      tell = listener;
    },
  };
  vi.stubGlobal("window", { __REDUX_DEVTOOLS_EXTENSION__: { connect: () => connection } });
  onTestFinished(() => {
    vi.unstubAllGlobals();
  });
  const jump = (state: string | undefined) =>
    tell({ type: "DISPATCH", payload: { type: "JUMP_TO_STATE" }, state });
  const reset = () => tell({ type: "DISPATCH", payload: { type: "RESET" } });
  return { actions, states, jump, reset };
}

function memoryStorage(items = new Map<string, string>()) {
  return {
    items,
    storage: createJSONStorage<Partial<State>>(() => ({
      getItem: (name) => items.get(name) ?? null,
      setItem: (name, value) => void items.set(name, value),
      removeItem: (name) => void items.delete(name),
    })),
  };
}

describe("a zustand store with a client", () => {
  it("[P-CHAT-3] shows the connection, a chat folded from its snapshot and events, and what its agent does", async () => {
    const t = await world();
    const store = createStore<State>()(milepost(t.client, t.own, t.options));
    const release = store.getState().watch("chat:1");
    await t.shown();
    expect(selectConnection(store.getState()).state).toBe("connected");
    const subscribe = t.gateway.last.take("subscribe");
    const messages = [{ id: "@1", role: "user", content: "hello", isComplete: true, at: 1 }];
    const snapshot = { projection: "chat", state: { messages } };
    const socket = t.gateway.last;
    await socket.reply(subscribe, {
      channel: "chat:1",
      position: at(1),
      recovered: false,
      snapshot,
    });
    await socket.say(
      event("chat:1", 2, "chat_message_chunk", {
        messageId: "m",
        content: "Hi",
        isComplete: false,
      }),
      event("chat:1", 3, "agent_status_update", { isActive: true, progress: 10 }),
    );
    await t.shown();
    const state = store.getState();
    expect(selectMessages("chat:1")(state)).toMatchObject([
      { content: "hello" },
      { content: "Hi" },
    ]);
    expect(selectAgent("chat:1")(state)).toMatchObject({ isActive: true, progress: 10 });
    expect(selectChannel<ChatState>("chat:1")(state)).toMatchObject({
      status: "live",
      position: at(3),
      events: [{ event: "chat_message_chunk" }, { event: "agent_status_update" }],
    });
    release();
    release();
    await t.shown();
    expect(socket.count("unsubscribe")).toBe(1);
    expect(selectChannel("chat:1")(store.getState()).status).toBe("idle");
    expect(selectMessages("chat:1")(store.getState())).toHaveLength(2);
  });

  it("keeps the identity of everything that did not change, and makes one change of all that arrives together", async () => {
    const t = await world();
    const store = createStore<State>()(milepost(t.client, t.own, t.options));
    store.getState().watch("chat:1");
    store.getState().watch("log:1", { limit: 2 });
    await t.shown();
    const socket = t.gateway.last;
    for (const channel of ["chat:1", "log:1"]) {
      const subscribe = socket.take("subscribe");
      await socket.reply(subscribe, { channel, position: at(0), recovered: false });
    }
    await t.shown();
    const before = store.getState();
    const changes = vi.fn();
    store.subscribe(changes);
    await socket.say(
      event("log:1", 1, "n", 1),
      event("log:1", 2, "n", 2),
      event("log:1", 3, "n", 3),
    );
    await t.shown();
    const after = store.getState();
    expect(changes).toHaveBeenCalledTimes(1);
    expect(after.channels["chat:1"]).toBe(before.channels["chat:1"]);
    expect(after.connection).toBe(before.connection);
    expect(after.operations).toBe(before.operations);
    expect(after.watch).toBe(before.watch);
    expect(after.channels["log:1"]?.events.map(({ data }) => data)).toEqual([2, 3]);
    store.getState().type();
    expect(store.getState().channels).toBe(after.channels);
    expect(store.getState().drafts).toBe(1);
  });

  it("shares a subscription among watchers, follows operations, and shows refusals and lost entries", async () => {
    const t = await world();
    const store = createStore<State>()(milepost(t.client, t.own, t.options));
    const socket = t.gateway.last;
    const releases = [store.getState().watch("log:1"), store.getState().watch("log:1")];
    store.getState().watchOperation("9");
    store.getState().watch("no spaces");
    await t.shown();
    expect(selectOperation("9")(store.getState())).toEqual({ kind: "loading" });
    expect(store.getState().channels["no spaces"]).toMatchObject({
      status: "failed",
      error: { code: "invalid_channel" },
    });
    const subscribes = [socket.take("subscribe"), socket.take("subscribe")];
    const log = subscribes.find(({ channel }) => channel === "log:1");
    const operation = subscribes.find(({ channel }) => channel === "operation:9");
    if (log === undefined || operation === undefined) throw new Error("not subscribed");
    expect(socket.count("subscribe")).toBe(0);
    await socket.reply(log, { channel: "log:1", position: at(0), recovered: false });
    await socket.refuse(operation, { code: "forbidden" });
    const loss = { type: "gap", channel: "log:1", from: at(0), to: at(4), reason: "trimmed" };
    await socket.say(loss);
    await t.shown();
    expect(selectOperation("9")(store.getState())).toMatchObject({ kind: "error" });
    expect(store.getState().channels["log:1"]).toMatchObject({
      position: at(4),
      gap: { reason: "trimmed", to: at(4) },
    });
    releases[0]?.();
    await t.shown();
    expect(socket.count("unsubscribe")).toBe(0);
    store.getState().detach();
    await t.shown();
    expect(socket.count("unsubscribe")).toBe(1);
  });

  it("publishes through the client", async () => {
    const t = await world();
    const store = createStore<State>()(milepost(t.client, t.own, t.options));
    await t.shown();
    const published = store.getState().publish("chat:1", "chat_message", { content: "x" });
    await settle();
    const message = t.gateway.last.take("publish");
    expect(message).toMatchObject({ channel: "chat:1", event: "chat_message" });
    await t.gateway.last.reply(message, { channel: "chat:1", position: at(1), duplicate: false });
    expect(await published).toMatchObject({ position: at(1) });
  });
});

describe("a persisted zustand store", () => {
  async function firstPage(items: Map<string, string>, welcome: object = {}) {
    const t = await world(welcome);
    const { storage } = memoryStorage(items);
    const store = createStore<State>()(
      persist(
        milepost(t.client, t.own, t.options),
        persistOptions({ name: "chat", storage, partialize: ({ drafts }) => ({ drafts }) }),
      ),
    );
    store.getState().watch("chat:1");
    await t.shown();
    return { ...t, store, socket: t.gateway.last };
  }

  it("[P-SUB-2] continues after a reload where it stopped, with the state that it had, and fetches neither again", async () => {
    const items = new Map<string, string>();
    const page = await firstPage(items);
    const subscribe = page.socket.take("subscribe");
    expect(subscribe).not.toHaveProperty("since");
    await page.socket.reply(subscribe, { channel: "chat:1", position: at(0), recovered: false });
    await page.socket.say(said(1, "one"), said(2, "two"));
    page.store.getState().type();
    await page.shown();
    expect(items.get("chat")).not.toContain("connected");

    const again = await firstPage(items);
    expect(again.store.getState().drafts).toBe(1);
    expect(selectMessages("chat:1")(again.store.getState())).toHaveLength(2);
    const resumed = again.socket.take("subscribe");
    expect(resumed).toMatchObject({ channel: "chat:1", since: at(2) });
    await again.socket.reply(resumed, { channel: "chat:1", position: at(2), recovered: true });
    await again.socket.say(said(3, "three"));
    await again.shown();
    const messages = selectMessages("chat:1")(again.store.getState());
    expect(messages.map(({ content }) => content)).toEqual(["one", "two", "three"]);
  });

  it("takes the state of the gateway where it cannot continue after a reload", async () => {
    const items = new Map<string, string>();
    const page = await firstPage(items);
    await page.socket.reply(page.socket.take("subscribe"), {
      channel: "chat:1",
      position: at(0),
      recovered: false,
    });
    await page.socket.say(said(1, "one"));
    await page.shown();
    const again = await firstPage(items);
    const state = {
      messages: [{ id: "@9", role: "user", content: "nine", isComplete: true, at: 9 }],
    };
    await again.socket.reply(again.socket.take("subscribe"), {
      channel: "chat:1",
      position: at(9),
      recovered: false,
      reason: "trimmed",
      snapshot: { projection: "chat", state },
    });
    await again.shown();
    const messages = selectMessages("chat:1")(again.store.getState());
    expect(messages.map(({ content }) => content)).toEqual(["nine"]);
    expect(again.store.getState().channels["chat:1"]?.position).toBe(at(9));
  });

  it("drops what another user of the browser left: at once where the page knows the user, otherwise when it has connected", async () => {
    const items = new Map<string, string>();
    const page = await firstPage(items);
    await page.socket.reply(page.socket.take("subscribe"), {
      channel: "chat:1",
      position: at(0),
      recovered: false,
    });
    page.store.getState().type();
    await page.socket.say(said(1, "secret"));
    await page.shown();
    const kept = new Map(items);
    const other = await firstPage(items, { user_id: "u2" });
    expect(selectMessages("chat:1")(other.store.getState())).toEqual([]);
    expect(JSON.stringify([...items])).not.toContain("secret");

    const t = await world({ user_id: "u2" });
    const { storage } = memoryStorage(kept);
    const store = createStore<State>()(
      persist(
        milepost(t.client, t.own, { ...t.options, owner: "u2" }),
        persistOptions({ name: "chat", storage, owner: "u2" }),
      ),
    );
    expect(store.getState().drafts).toBe(0);
    store.getState().watch("chat:1");
    await t.shown();
    expect(selectMessages("chat:1")(store.getState())).toEqual([]);
    expect(t.gateway.last.take("subscribe")).not.toHaveProperty("since");
  });

  it.each([
    ["no channels", { channels: 7 }],
    ["a position that is none", { channels: { "chat:1": { position: "x", events: [] } } }],
    ["events that are none", { channels: { "chat:1": { position: at(1), events: [1] } } }],
    ["a channel that would change every object", { channels: { __proto__: { position: at(1) } } }],
  ])("begins anew where the storage holds %s", async (_, state) => {
    const items = new Map([["chat", JSON.stringify({ state, version: 1 })]]);
    const page = await firstPage(items);
    expect(page.socket.take("subscribe")).not.toHaveProperty("since");
  });

  it("waits for a storage that answers later, before it subscribes", async () => {
    const t = await world();
    let answer: (text: string | null) => void = () => {};
    const storage = createJSONStorage<Partial<State>>(() => ({
      getItem: () =>
        new Promise<string | null>((resolve) => {
          answer = resolve;
        }),
      setItem: async () => {},
      removeItem: async () => {},
    }));
    const store = createStore<State>()(
      persist(milepost(t.client, t.own, t.options), persistOptions({ name: "chat", storage })),
    );
    store.getState().watch("chat:1");
    await t.shown();
    expect(t.gateway.last.count("subscribe")).toBe(0);
    const slice = { position: at(5), events: [], projection: "chat", state: { messages: [] } };
    answer(JSON.stringify({ state: { channels: { "chat:1": slice }, owner: "u1" }, version: 1 }));
    await t.shown();
    expect(t.gateway.last.take("subscribe")).toMatchObject({ since: at(5) });
  });
});

describe("a zustand store with developer tools", () => {
  it("composes with devtools, persist and immer, and every change has the name of its action", async () => {
    const tools = fakeDevtools();
    const t = await world();
    const { items, storage } = memoryStorage();
    const store = createStore<State>()(
      devtools(
        persist(
          immer(
            milepost(
              t.client,
              (set) => ({
                drafts: 0,
                type: () =>
                  set((draft) => {
                    draft.drafts++;
                  }),
              }),
              t.options,
            ),
          ),
          persistOptions({ name: "chat", storage }),
        ),
        { enabled: true },
      ),
    );
    store.getState().watch("chat:1");
    await t.shown();
    const socket = t.gateway.last;
    await socket.reply(socket.take("subscribe"), {
      channel: "chat:1",
      position: at(0),
      recovered: false,
    });
    await t.shown();
    store.getState().type();
    await socket.say(said(1, "one"));
    await t.shown();
    await socket.say(said(2, "two"), said(3, "three"));
    await t.shown();
    expect(store.getState().drafts).toBe(1);
    expect(selectMessages("chat:1")(store.getState())).toHaveLength(3);
    expect(items.get("chat")).toContain(at(3));
    const named = tools.actions.filter(({ type }) => type.startsWith("milepost/"));
    expect(named.slice(-2)).toEqual([
      { type: "milepost/event", channel: "chat:1", event: "chat_message" },
      { type: "milepost/event", channel: "chat:1", event: "chat_message", changes: 2 },
    ]);
    expect(named[0]).toMatchObject({ type: "milepost/start" });
  });

  it("sends nothing while developer tools show an earlier state, and the next change shows the present again", async () => {
    const tools = fakeDevtools();
    const t = await world();
    const store = createStore<State>()(
      devtools(milepost(t.client, t.own, t.options), { enabled: true }),
    );
    store.getState().watch("chat:1");
    await t.shown();
    const socket = t.gateway.last;
    await socket.reply(socket.take("subscribe"), {
      channel: "chat:1",
      position: at(0),
      recovered: false,
    });
    for (const n of [1, 2, 3]) {
      await socket.say(said(n, `${n}`));
      await t.shown();
    }
    const { frames } = socket;
    for (const state of [...tools.states]) {
      tools.jump(state);
      // A component that the earlier state mounts watches another channel.
      store.getState().watch("log:1")();
      await t.shown();
    }
    tools.jump(tools.states.at(-3));
    expect(selectMessages("chat:1")(store.getState()).length).toBeLessThan(3);
    store.getState().watch("log:2");
    await expect(store.getState().publish("chat:1", "x", 1)).rejects.toMatchObject({
      code: "cancelled",
    });
    expect(socket.frames).toBeLessThanOrEqual(frames + 1);
    expect(socket.count("publish")).toBe(0);
    await t.shown();
    expect(selectMessages("chat:1")(store.getState())).toHaveLength(3);
    expect(socket.take("subscribe")).toMatchObject({ channel: "log:2" });
    tools.jump(tools.states.at(-3));
    await socket.say(said(4, "four"));
    await t.shown();
    expect(selectMessages("chat:1")(store.getState())).toHaveLength(4);
    tools.reset();
    expect(selectMessages("chat:1")(store.getState())).toHaveLength(0);
    await socket.say(said(5, "five"));
    await t.shown();
    expect(selectMessages("chat:1")(store.getState())).toHaveLength(5);
  });
});
