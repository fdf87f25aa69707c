import { settle } from "@milepost/client/testing";
import { act, cleanup, render, renderHook, screen } from "@testing-library/react";
import { StrictMode } from "react";
import { renderToString } from "react-dom/server";
import { afterEach, describe, expect, it } from "vitest";
import { MilepostProvider, useClient } from "./provider.tsx";
import { at, created, event, fold, operationAnswer, setUp, testParts } from "./testing/world.tsx";
import { useChannel } from "./use-channel.ts";
import { useChat } from "./use-chat.ts";
import { useConnection } from "./use-connection.ts";
import { useNotifications } from "./use-notifications.ts";
import { useOperation } from "./use-operation.ts";
import { useOperations } from "./use-operations.ts";

afterEach(cleanup);

const running = fold(created, { event: "started", data: {} });

describe("the provider", () => {
  it("the provider with a url connects once under StrictMode and closes its client on unmount", async () => {
    const { gateway, options, clock } = testParts();
    const { unmount } = render(
      <StrictMode>
        <MilepostProvider {...options}>
          <State />
        </MilepostProvider>
      </StrictMode>,
    );
    await act(settle);
    expect(gateway.sockets).toHaveLength(1);
    await act(() => gateway.last.accept());
    expect(screen.getByText("connected")).toBeDefined();
    unmount();
    await settle();
    expect(gateway.openSockets).toBe(0);
    expect(clock.timers).toBe(0);
  });

  it("the provider uses the token of the latest render for the next connect", async () => {
    const { gateway, options, clock } = testParts();
    const tree = (token: string) => <MilepostProvider {...options} token={token} />;
    const { rerender } = render(tree("one"));
    await act(settle);
    await act(() => gateway.last.accept());
    rerender(tree("two"));
    expect(gateway.sockets).toHaveLength(1);
    await act(() => gateway.last.drop(4101));
    await act(() => clock.advance(1_000));
    expect(gateway.last.protocols).toContain("milepost.token.two");
  });

  it("the provider uses a token that the first render lacked, and calls the onError of the latest render", async () => {
    const { gateway, options, clock } = testParts();
    const heard: string[] = [];
    const tree = (render: string, token?: () => string) => (
      <MilepostProvider
        {...options}
        {...(token !== undefined && { token })}
        onError={() => heard.push(render)}
      />
    );
    const { rerender } = render(tree("first"));
    await act(settle);
    expect(gateway.last.protocols.join()).not.toContain("milepost.token");
    await act(() => gateway.last.drop());
    rerender(tree("second", () => "late"));
    await act(() => clock.advance(1_000));
    expect(gateway.last.protocols).toContain("milepost.token.late");
    await act(() => gateway.last.accept());
    await act(() => gateway.last.frame("no JSON"));
    expect(heard).toEqual(["second"]);
  });

  it("the provider closes its client and creates another one when its url changes", async () => {
    const { gateway, options } = testParts();
    const tree = (url: string) => <MilepostProvider {...options} url={url} />;
    const { rerender } = render(tree("ws://one.test/ws"));
    await act(settle);
    await act(() => gateway.last.accept());
    rerender(tree("ws://two.test/ws"));
    await act(settle);
    expect(gateway.sockets.map(({ url }) => new URL(url).host)).toEqual(["one.test", "two.test"]);
    expect(gateway.openSockets).toBe(1);
  });

  it("the provider does not close a client that it received", async () => {
    const { client, wrapper, gateway, accept } = setUp();
    client.connect();
    await settle();
    await accept();
    const { unmount } = renderHook(() => useClient(), { wrapper });
    unmount();
    await settle();
    expect(gateway.openSockets).toBe(1);
  });

  it("useClient throws without a provider", () => {
    expect(() => renderHook(() => useClient())).toThrow(/MilepostProvider/);
  });

  it("the provider renders on a server without connecting", async () => {
    const { gateway, options } = testParts();
    const html = renderToString(
      <MilepostProvider {...options}>
        <State />
      </MilepostProvider>,
    );
    await settle();
    expect(html).toContain("idle");
    expect(gateway.sockets).toHaveLength(0);
  });
});

function State() {
  return <p>{useConnection(({ state }) => state.state)}</p>;
}

describe("useOperation", () => {
  it("useOperation sends one subscribe under StrictMode, and unsubscribes on unmount", async () => {
    const { wrapper, gateway, accept, answer } = setUp();
    const { result, unmount } = renderHook(() => useOperation("9"), { wrapper });
    await act(settle);
    await accept();
    expect(gateway.last.count("subscribe")).toBe(1);
    expect(result.current.view.kind).toBe("loading");
    await answer("operation:9", operationAnswer(running));
    expect(result.current.view).toMatchObject({ kind: "ready", stale: false });
    unmount();
    await settle();
    expect(gateway.last.count("unsubscribe")).toBe(1);
    expect(gateway.last.count("subscribe")).toBe(0);
  });

  it("useOperation renders again only when the selected part changes", async () => {
    const { wrapper, gateway, accept, answer, after } = setUp();
    const seen: unknown[] = [];
    renderHook(
      () => {
        const { view } = useOperation("9", (all) =>
          all.kind === "ready" ? { percent: Math.floor(all.state.percent) } : { percent: -1 },
        );
        seen.push(view.percent);
      },
      { wrapper },
    );
    await act(settle);
    await accept();
    await answer("operation:9", operationAnswer(running));
    const before = seen.length;
    await after(() => gateway.last.say(event("operation:9", 3, "log", { message: "a line" })));
    await after(() => gateway.last.say(event("operation:9", 4, "log", { message: "another" })));
    expect(seen).toHaveLength(before);
    await after(() =>
      gateway.last.say(event("operation:9", 5, "step", { id: "scan", percent: 50 })),
    );
    // React's StrictMode renders each change twice.
    expect(seen.slice(before)).toEqual([25, 25]);
  });

  it("useOperation shows each phase of a command and why it was refused", async () => {
    const { wrapper, gateway, accept, answer, after } = setUp();
    const { result } = renderHook(() => useOperation("9"), { wrapper });
    await act(settle);
    await accept();
    await answer("operation:9", operationAnswer(running));
    expect(result.current.pause).toMatchObject({ available: true, pending: false });
    expect(result.current.resume.available).toBe(false);
    await after(() => void result.current.pause.run());
    expect(result.current.pause).toMatchObject({
      phase: "sending",
      pending: true,
      available: false,
    });
    const request = gateway.last.take("request");
    const phase = (offset: number, data: object) =>
      gateway.last.say(
        event("operation:9", offset, "command", { command_id: "c1", command: "pause", ...data }),
      );
    await after(() => gateway.last.reply(request, { command_id: "c1", phase: "requested" }));
    await after(() => phase(3, { phase: "requested" }));
    expect(result.current.pause).toMatchObject({ phase: "requested", pending: true });
    await after(() => phase(4, { phase: "refused", reason: "not now" }));
    expect(result.current.pause).toMatchObject({
      phase: "refused",
      pending: false,
      available: true,
      error: "not now",
    });
  });

  it("useOperation shows the reason when the gateway refuses a command's request, and the command is available again", async () => {
    const { wrapper, gateway, accept, answer, after } = setUp();
    const { result } = renderHook(() => useOperation("9"), { wrapper });
    await act(settle);
    await accept();
    await answer("operation:9", operationAnswer(running));
    await after(() => void result.current.cancel.run());
    await after(() => gateway.last.refuse(gateway.last.take("request"), { code: "forbidden" }));
    expect(result.current.cancel).toMatchObject({
      available: true,
      pending: false,
      error: "forbidden by the script",
    });
  });
});

describe("commands after a change of the operation", () => {
  it("useOperation does not show outcomes of the previous operation's commands, even if they arrive later", async () => {
    const { wrapper, gateway, accept, answer, after } = setUp();
    const { result, rerender } = renderHook(({ id }) => useOperation(id), {
      wrapper,
      initialProps: { id: "9" },
    });
    await act(settle);
    await accept();
    await answer("operation:9", operationAnswer(running));
    await after(() => void result.current.cancel.run());
    await after(() => gateway.last.refuse(gateway.last.take("request"), { code: "forbidden" }));
    await after(() => void result.current.pause.run());
    const late = gateway.last.take("request");
    rerender({ id: "10" });
    await act(settle);
    await answer("operation:10", operationAnswer(running));
    expect(result.current.cancel).toMatchObject({ available: true, error: undefined });
    expect(result.current.pause).toMatchObject({ available: true, phase: undefined });
    await after(() => gateway.last.refuse(late, { code: "forbidden" }));
    expect(result.current.pause.error).toBeUndefined();
  });
});

describe("useChannel", () => {
  it("[P-OUT-8] useChannel asks for summaries while summaryMs is set, and for every entry once it is not", async () => {
    const { wrapper, gateway, accept, answer } = setUp();
    const { rerender } = renderHook(
      ({ summaryMs }) => useChannel("chat:1", summaryMs === 0 ? {} : { summaryMs }),
      { wrapper, initialProps: { summaryMs: 5_000 } },
    );
    await act(settle);
    await accept();
    const asked = gateway.last.sent.find(({ type }) => type === "subscribe");
    expect(asked).toMatchObject({ summary_ms: 5_000 });
    await answer("chat:1", { position: at(0), recovered: false });
    rerender({ summaryMs: 0 });
    await act(settle);
    expect(gateway.last.take("subscribe")).not.toHaveProperty("summary_ms");
  });

  it("useChannel keeps the latest events within its limit and folds them all", async () => {
    const { wrapper, gateway, accept, answer, after } = setUp();
    const { result, unmount } = renderHook(
      () =>
        useChannel<{ message: { n: number } }, number>("chat:1", {
          limit: 2,
          events: ["message"],
          reduce: (sum = 0, item) => (item.type === "event" ? sum + item.data.n : sum),
        }),
      { wrapper },
    );
    await act(settle);
    await accept();
    expect(gateway.last.count("subscribe")).toBe(1);
    await answer("chat:1", { position: at(0), recovered: false });
    const say = (n: number) => gateway.last.say(event("chat:1", n, "message", { n }));
    for (const n of [1, 2, 3]) await after(() => say(n));
    expect(result.current.events.map(({ data }) => data.n)).toEqual([2, 3]);
    expect(result.current.state).toBe(6);
    expect(result.current.status).toBe("live");
    await after(() => gateway.last.drop());
    expect(result.current.status).toBe("interrupted");
    unmount();
  });

  it("useChannel subscribes to the new channel when its name changes, and to none without a name", async () => {
    const { wrapper, gateway, client, accept } = setUp();
    client.connect();
    await settle();
    await accept();
    const { rerender } = renderHook(({ name }) => useChannel(name), {
      wrapper,
      initialProps: { name: undefined as string | undefined },
    });
    await act(settle);
    expect(gateway.last.count("subscribe")).toBe(0);
    rerender({ name: "chat:1" });
    await act(settle);
    expect(gateway.last.take("subscribe").channel).toBe("chat:1");
    rerender({ name: "chat:2" });
    await act(settle);
    expect(gateway.last.take("subscribe").channel).toBe("chat:2");
    expect(gateway.last.take("unsubscribe").channel).toBe("chat:1");
  });

  it("useChannel folds events without keeping them when its limit is 0", async () => {
    const { wrapper, gateway, accept, answer, after } = setUp();
    const { result } = renderHook(
      () =>
        useChannel<{ message: unknown }, number>("chat:1", { limit: 0, reduce: (n = 0) => n + 1 }),
      { wrapper },
    );
    await act(settle);
    await accept();
    await answer("chat:1", { position: at(0), recovered: false });
    await after(() => gateway.last.say(event("chat:1", 1, "message", {})));
    expect(result.current).toMatchObject({ events: [], state: 1 });
  });

  it("useChannel resumes after its last position when a closed client connects again", async () => {
    const { wrapper, client, gateway, accept, answer, after } = setUp();
    const { result } = renderHook(() => useChannel("chat:1"), { wrapper });
    await act(settle);
    await accept();
    await answer("chat:1", { position: at(0), recovered: false });
    await after(() => gateway.last.say(event("chat:1", 1, "message", {})));
    await after(() => client.close());
    expect(result.current).toMatchObject({ status: "failed", error: { code: "cancelled" } });
    await after(() => client.connect());
    await accept();
    const again = gateway.last.take("subscribe");
    expect(again.since).toBe(at(1));
    await after(() => gateway.last.reply(again, { position: at(1), recovered: true }));
    await after(() => gateway.last.say(event("chat:1", 2, "message", {})));
    expect(result.current).toMatchObject({ status: "live", error: undefined });
    expect(result.current.events.map(({ position }) => position)).toEqual([at(1), at(2)]);
    expect(gateway.last.count("subscribe")).toBe(0);
  });

  it("[P-END-2] useChannel shows that the stream has ended, and why, while the connection stays open", async () => {
    const { client, wrapper, gateway, accept, answer, after } = setUp();
    const { result } = renderHook(() => useChannel("chat:1"), { wrapper });
    await act(settle);
    await accept();
    await answer("chat:1", { position: at(0), recovered: false });
    await after(() =>
      gateway.last.say(event("chat:1", 1, "message", 1), {
        type: "end",
        channel: "chat:1",
        position: at(2),
        reason: "all done",
      }),
    );
    expect(result.current).toMatchObject({
      status: "ended",
      end: { reason: "all done" },
      events: [{ data: 1 }],
      error: undefined,
    });
    expect(client.state.state).toBe("connected");
  });

  it("useChannel shows the error of a refused subscription, and a gap", async () => {
    const { wrapper, gateway, accept, answer, after } = setUp();
    const a = renderHook(() => useChannel("chat:1"), { wrapper });
    const b = renderHook(() => useChannel("chat:2"), { wrapper });
    await act(settle);
    await accept();
    await answer("chat:1", { position: at(1), recovered: false });
    const gap = { type: "gap", channel: "chat:1", from: at(1), to: at(5), reason: "trimmed" };
    await after(() => gateway.last.say(gap));
    expect(a.result.current.gap).toMatchObject({ to: at(5), reason: "trimmed" });
    await after(() => gateway.last.refuse(gateway.last.take("subscribe"), { code: "forbidden" }));
    expect(b.result.current).toMatchObject({ status: "failed", error: { code: "forbidden" } });
  });
});

describe("useChat", () => {
  const piece = (offset: number, messageId: string, content: string) =>
    event("chat:42", offset, "chat_message_chunk", { messageId, content, isComplete: false });

  it("[P-CHAT-3] useChat joins chunks into messages and renders again only when the selected part changes", async () => {
    const { wrapper, gateway, accept, answer, after } = setUp();
    let renders = 0;
    const whole = renderHook(() => useChat("42"), { wrapper });
    const one = renderHook(
      () => {
        renders++;
        return useChat("42", ({ messages }) => messages.find(({ id }) => id === "a")?.content);
      },
      { wrapper },
    );
    await act(settle);
    await accept();
    const a = { id: "a", role: "assistant", content: "To ", isComplete: false, at: 1 };
    const state = { messages: [a] };
    const snapshot = { projection: "chat", state };
    await answer("chat:42", { position: at(1), recovered: false, snapshot });
    expect(one.result.current.view).toBe("To ");
    const before = renders;
    await after(() => gateway.last.say(piece(2, "b", "other"), piece(3, "b", " words")));
    expect(renders).toBe(before);
    await after(() => gateway.last.say(piece(4, "a", "the sea")));
    expect(one.result.current.view).toBe("To the sea");
    expect(renders).toBeGreaterThan(before);
    expect(whole.result.current.view.messages.map(({ content }) => content)).toEqual([
      "To the sea",
      "other words",
    ]);
    expect(whole.result.current.send).toBe(whole.result.current.send);
    whole.unmount();
    one.unmount();
    await settle();
    expect(gateway.last.count("unsubscribe")).toBeGreaterThan(0);
  });
});

describe("useOperations", () => {
  it("useOperations lists the operations of the session and of the user live", async () => {
    const { wrapper, client, gateway, accept, answer, after } = setUp();
    const { result } = renderHook(() => useOperations(), { wrapper });
    client.connect();
    await act(settle);
    await accept();
    const snapshot = { projection: "keyed:operation_id", state: {} };
    await answer("session:s1", { position: at(0), recovered: false, snapshot });
    expect(result.current).toEqual({ kind: "loading" });
    await answer("user:u1", { position: at(0), recovered: false, snapshot });
    expect(result.current).toEqual({ kind: "ready", operations: [], stale: false });
    const summary = { operation_id: "9", title: "Index", created_at: 1, updated_at: 1 };
    await after(() => gateway.last.say(event("session:s1", 1, "operation", summary)));
    expect(result.current).toMatchObject({ operations: [{ operation_id: "9" }] });
    const other = { operation_id: "10", title: "By user alone", created_at: 2, updated_at: 2 };
    await after(() => gateway.last.say(event("user:u1", 1, "operation", other)));
    expect(result.current).toMatchObject({
      operations: [{ operation_id: "10" }, { operation_id: "9" }],
    });
  });
});

describe("useNotifications", () => {
  it("useNotifications shows none when its limit is 0", async () => {
    const { wrapper, client, gateway, accept, answer, after } = setUp();
    const { result } = renderHook(() => useNotifications({ limit: 0 }), { wrapper });
    client.connect();
    await act(settle);
    await accept();
    await answer("user:u1", { position: at(0), recovered: false });
    const notice = { id: "n1", level: "info", message: "m" };
    await after(() => gateway.last.say(event("user:u1", 1, "notification", notice)));
    expect(result.current.notifications).toEqual([]);
  });

  it("useNotifications shows a notification for its ttl_ms or until dismissed, and never more than its limit", async () => {
    const { wrapper, client, gateway, clock, accept, answer, after } = setUp();
    const { result } = renderHook(() => useNotifications({ limit: 2 }), { wrapper });
    client.connect();
    await act(settle);
    await accept();
    await answer("user:u1", { position: at(0), recovered: false });
    const notice = (n: number, ttl_ms?: number) =>
      after(() =>
        gateway.last.say(
          event("user:u1", n, "notification", {
            id: `n${n}`,
            level: "info",
            message: `notice ${n}`,
            ...(ttl_ms !== undefined && { ttl_ms }),
          }),
        ),
      );
    const shown = () => result.current.notifications.map(({ id }) => id);
    await notice(1);
    await notice(2, 5_000);
    expect(shown()).toEqual(["n1", "n2"]);
    await act(() => clock.advance(5_000));
    expect(shown()).toEqual(["n1"]);
    await notice(3);
    await notice(4);
    expect(shown()).toEqual(["n3", "n4"]);
    await after(() => result.current.dismiss("n3"));
    expect(shown()).toEqual(["n4"]);
    await after(() => result.current.clear());
    expect(shown()).toEqual([]);
  });
});

describe("a client in a browser", () => {
  it("a client in a browser reconnects at once when the network is back or the page is shown, but not after it was closed", async () => {
    const { gateway, client, accept } = setUp();
    client.connect();
    await settle();
    await accept();
    for (const [target, name] of [
      [window, "online"],
      [window, "pageshow"],
      [document, "visibilitychange"],
    ] as const) {
      await gateway.last.say({ type: "pong", id: gateway.last.take("ping").id });
      await gateway.last.drop();
      const before = gateway.sockets.length;
      target.dispatchEvent(new Event(name));
      await settle();
      expect(gateway.sockets, name).toHaveLength(before + 1);
      await accept();
    }
    await client.close();
    window.dispatchEvent(new Event("online"));
    await settle();
    expect(gateway.openSockets).toBe(0);
    expect(client.state.state).toBe("closed");
  });

  it("a client in a browser sends a ping when the network goes offline, and reconnects if nothing answers in 5 s", async () => {
    const { gateway, client, clock, accept } = setUp();
    client.connect();
    await settle();
    await accept();
    await gateway.last.say({ type: "pong", id: gateway.last.take("ping").id });
    window.dispatchEvent(new Event("offline"));
    await settle();
    expect(gateway.last.count("ping")).toBe(1);
    await clock.advance(5_000);
    expect(client.state.state).toBe("reconnecting");
    await client.close();
  });
});

describe("useConnection", () => {
  it("a component with useConnection renders again on changed metrics only if it selects metrics", async () => {
    const { wrapper, client, gateway, clock, accept, after } = setUp();
    let [states, numbers] = [0, 0];
    renderHook(
      () => {
        useConnection(({ state }) => state.state);
        states++;
      },
      { wrapper },
    );
    const { result } = renderHook(
      () => {
        numbers++;
        return useConnection(({ metrics }) => metrics.messagesIn);
      },
      { wrapper },
    );
    client.connect();
    await act(settle);
    await accept();
    const before = { states, numbers };
    await after(() => gateway.last.say({ type: "noise" }));
    await act(() => clock.advance(1_000));
    expect(states).toBe(before.states);
    expect(numbers).toBeGreaterThan(before.numbers);
    expect(result.current).toBe(2);
  });
});
