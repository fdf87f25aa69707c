import { settle } from "@milepost/client/testing";
import { act, cleanup, fireEvent, render, renderHook, screen } from "@testing-library/react";
import { afterEach, describe, expect, it } from "vitest";
import { at, setUp } from "./testing/world.tsx";
import { usePresence } from "./use-presence.ts";
import { useTyping } from "./use-typing.ts";

afterEach(cleanup);

const channel = "chat:1";
const member = (name: string) => ({ id: `user:${name}`, user_id: name, since: 1 });
const list = {
  epoch: "e1",
  version: 1,
  members: [member("u1"), member("bob")],
  count: 2,
  typing: [],
};
const change = (version: number, rest: object) => ({
  type: "presence",
  channel,
  epoch: "e1",
  since: version - 1,
  version,
  joined: [],
  left: [],
  count: 2,
  ...rest,
});
const live = { position: at(0), recovered: false, presence: list };

describe("usePresence", () => {
  it("two components with usePresence send one subscribe under StrictMode, and unsubscribe when both have unmounted", async () => {
    const { wrapper, gateway, accept, answer, after } = setUp();
    const first = renderHook(() => usePresence(channel), { wrapper });
    const second = renderHook(() => usePresence(channel, ({ count }) => count), { wrapper });
    await act(settle);
    await accept();
    expect(gateway.last.count("subscribe")).toBe(1);
    expect(first.result.current).toMatchObject({ status: "loading", count: 0 });
    await answer(channel, live);
    expect(first.result.current).toMatchObject({ status: "live", count: 2 });
    expect(second.result.current).toBe(2);
    await after(() => gateway.last.say(change(2, { left: ["user:bob"], count: 1 })));
    expect(first.result.current.members).toEqual([member("u1")]);
    expect(second.result.current).toBe(1);
    first.unmount();
    await settle();
    expect(gateway.last.count("unsubscribe")).toBe(0);
    second.unmount();
    await settle();
    expect(gateway.last.count("unsubscribe")).toBe(1);
    expect(gateway.last.count("subscribe")).toBe(0);
  });

  it("usePresence renders again only when the selected part changes", async () => {
    const { wrapper, gateway, accept, answer, after } = setUp();
    const seen: number[] = [];
    renderHook(() => seen.push(usePresence(channel, ({ count }) => count)), { wrapper });
    await act(settle);
    await accept();
    await answer(channel, live);
    const before = seen.length;
    await after(() => gateway.last.say(change(2, { typing: ["user:bob"] })));
    await after(() => gateway.last.say(change(3, { typing: [] })));
    expect(seen).toHaveLength(before);
    await after(() => gateway.last.say(change(4, { joined: [member("eve")], count: 3 })));
    // React's StrictMode renders each change twice.
    expect(seen.slice(before)).toEqual([3, 3]);
  });

  it("usePresence subscribes to the new channel when its name changes, and to none without a name", async () => {
    const { wrapper, gateway, accept, answer } = setUp();
    const { result, rerender } = renderHook(({ name }) => usePresence(name), {
      wrapper,
      initialProps: { name: channel as string | undefined },
    });
    await act(settle);
    await accept();
    await answer(channel, live);
    rerender({ name: undefined });
    await act(settle);
    expect(result.current.status).toBe("loading");
    expect(gateway.last.take("unsubscribe")).toMatchObject({ channel });
    rerender({ name: "chat:2" });
    await act(settle);
    expect(gateway.last.take("subscribe")).toMatchObject({ channel: "chat:2", presence: true });
  });

  it("usePresence keeps the last known members while the connection is lost, and shows why presence was refused", async () => {
    const { wrapper, gateway, clock, accept, answer, after } = setUp();
    const { result } = renderHook(() => usePresence(channel), { wrapper });
    await act(settle);
    await accept();
    await answer(channel, live);
    await after(() => gateway.last.drop());
    expect(result.current).toMatchObject({ status: "stale", count: 2 });
    await after(() => clock.advance(1_000));
    await accept();
    await after(() => gateway.last.refuse(gateway.last.take("subscribe"), { code: "forbidden" }));
    expect(result.current).toMatchObject({ status: "failed", error: { code: "forbidden" } });
  });
});

function Composer() {
  const { typing, setTyping } = useTyping(channel);
  return (
    <>
      <input aria-label="message" onInput={() => setTyping(true)} />
      <p>{typing.length === 0 ? "nobody types" : `${typing.join(", ")} types`}</p>
    </>
  );
}

describe("useTyping", () => {
  it("useTyping shows which other members are typing, and sends one signal for several calls of setTyping", async () => {
    const { wrapper, gateway, clock, accept, answer, after } = setUp();
    const { unmount } = render(<Composer />, { wrapper });
    await act(settle);
    await accept();
    await answer(channel, live);
    await after(() => gateway.last.say(change(2, { typing: ["user:u1", "user:bob"] })));
    expect(screen.getByText("user:bob types")).toBeDefined();
    await after(() => gateway.last.say(change(3, { typing: ["user:u1"] })));
    expect(screen.getByText("nobody types")).toBeDefined();
    const said = () =>
      gateway.last.sent.flatMap((one) => (one.type === "request" ? [one.params] : []));
    for (let n = 0; n < 3; n++) {
      await after(() => fireEvent.input(screen.getByLabelText("message")));
      await after(() => clock.advance(200));
    }
    expect(said()).toEqual([{ channel, typing: true }]);
    unmount();
    await settle();
    expect(said()).toEqual([
      { channel, typing: true },
      { channel, typing: false },
    ]);
    expect(gateway.last.sent.at(-1)).toMatchObject({ type: "unsubscribe", channel });
  });

  it("useTyping ends when its component goes, even if another one still reads the channel", async () => {
    const { wrapper, gateway, accept, answer, after } = setUp();
    const others = renderHook(() => usePresence(channel), { wrapper });
    const { unmount } = render(<Composer />, { wrapper });
    await act(settle);
    await accept();
    await answer(channel, live);
    await after(() => fireEvent.input(screen.getByLabelText("message")));
    await after(unmount);
    const said = gateway.last.sent.flatMap((one) => (one.type === "request" ? [one.params] : []));
    expect(said.at(-1)).toEqual({ channel, typing: false });
    expect(gateway.last.count("unsubscribe")).toBe(0);
    others.unmount();
    await settle();
  });

  it("useTyping renders the component again only when other members start or stop typing", async () => {
    const { wrapper, gateway, accept, answer, after } = setUp();
    let renders = 0;
    renderHook(
      () => {
        renders++;
        return useTyping(channel);
      },
      { wrapper },
    );
    await act(settle);
    await accept();
    await answer(channel, live);
    const before = renders;
    await after(() => gateway.last.say(change(2, { joined: [member("eve")], count: 3 })));
    await after(() => gateway.last.say(change(3, { typing: ["user:u1"] })));
    expect(renders).toBe(before);
    await after(() => gateway.last.say(change(4, { typing: ["user:u1", "user:eve"] })));
    expect(renders).toBe(before + 2);
  });
});
