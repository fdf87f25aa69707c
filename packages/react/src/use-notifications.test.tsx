import { settle } from "@milepost/client/testing";
import type { NotificationData } from "@milepost/model";
import {
  act,
  cleanup,
  fireEvent,
  render,
  renderHook,
  screen,
  within,
} from "@testing-library/react";
import { afterEach, describe, expect, it } from "vitest";
import { StatusPanel } from "./status-panel.tsx";
import { at, event, setUp } from "./testing/world.tsx";
import { type UseNotificationsOptions, useNotifications } from "./use-notifications.ts";

afterEach(cleanup);

async function start() {
  const world = setUp();
  world.client.connect();
  await settle();
  await world.accept();
  let n = 0;
  const notify = (data: Partial<NotificationData> | object) =>
    world.after(() => world.gateway.last.say(event("user:u1", ++n, "notification", data)));
  const pass = (ms: number) => act(() => world.clock.advance(ms));
  return { ...world, notify, pass };
}

async function use(options: UseNotificationsOptions = {}) {
  const world = await start();
  const { result, rerender, unmount } = renderHook((props) => useNotifications(props), {
    wrapper: world.wrapper,
    initialProps: options,
  });
  await act(settle);
  await world.answer("user:u1", { position: at(0), recovered: false });
  const shown = () => result.current.notifications.map(({ message }) => message);
  return { ...world, result, rerender, unmount, shown };
}

describe("useNotifications without a ttl_ms", () => {
  it.each([
    ["info", 10_000],
    ["success", 10_000],
    ["warning", 30_000],
    ["error", 60_000],
  ] as const)(
    "[P-NOTE-2] a notification of the level %s disappears after %i ms",
    async (level, ms) => {
      const { notify, pass, shown } = await use();
      await notify({ level, message: "news" });
      await pass(ms - 1);
      expect(shown()).toEqual(["news"]);
      await pass(1);
      expect(shown()).toEqual([]);
    },
  );

  it("the ttl_ms of a notification counts before the time of its level", async () => {
    const { notify, pass, shown } = await use();
    await notify({ level: "error", message: "short", ttl_ms: 1_000 });
    await notify({ level: "info", message: "long", ttl_ms: 100_000 });
    await pass(1_000);
    expect(shown()).toEqual(["long"]);
    await pass(98_999);
    expect(shown()).toEqual(["long"]);
    await pass(1);
    expect(shown()).toEqual([]);
  });

  it("the application chooses the times of levels, and Infinity keeps a notification until it is dismissed", async () => {
    const { notify, pass, shown, clock } = await use({
      ttlMs: { info: 2_000, error: Number.POSITIVE_INFINITY },
    });
    await notify({ message: "note" });
    await notify({ level: "error", message: "broken" });
    await pass(2_000);
    expect(shown()).toEqual(["broken"]);
    await pass(10 * 86_400_000);
    expect(shown()).toEqual(["broken"]);
    expect(clock.timers).toBe(1);
  });
});

describe("useNotifications with data that need a reading", () => {
  it("[P-NOTE-2] a notification of the shape {type, message} is shown with its type as the level, each one once", async () => {
    const { notify, result } = await use();
    await notify({ type: "success", message: "Files synced" });
    await notify({ type: "success", message: "Files synced" });
    await notify({ message: "plain" });
    await notify({ level: "warning", type: "comment", message: "both" });
    expect(result.current.notifications).toMatchObject([
      { level: "success", message: "Files synced" },
      { level: "success", message: "Files synced" },
      { level: "info", message: "plain" },
      { level: "warning", message: "both" },
    ]);
    const ids = new Set(result.current.notifications.map(({ id }) => id));
    expect(ids.size).toBe(4);
  });

  it("data of an older gateway that are no notification are not shown", async () => {
    const { notify, shown } = await use();
    for (const data of [{}, { message: 7 }, { text: "hello" }, "text", null]) {
      await notify(data as object);
    }
    await notify({ level: "loud", message: "level unknown" });
    expect(shown()).toEqual(["level unknown"]);
  });
});

describe("useNotifications over time", () => {
  it("useNotifications keeps what it shows when its limit changes", async () => {
    const { notify, rerender, shown, pass } = await use({ limit: 3 });
    for (const message of ["a", "b", "c"]) await notify({ message });
    rerender({ limit: 10 });
    expect(shown()).toEqual(["a", "b", "c"]);
    rerender({ limit: 2 });
    expect(shown()).toEqual(["b", "c"]);
    await pass(10_000);
    expect(shown()).toEqual([]);
  });

  it.each([-1, Number.NaN])("useNotifications shows none when its limit is %d", async (limit) => {
    const { notify, shown } = await use({ limit });
    await notify({ message: "a" });
    expect(shown()).toEqual([]);
  });

  it("useNotifications holds one timer for all notifications, and none after unmounting", async () => {
    const { notify, unmount, clock, client } = await use({ limit: 50 });
    const before = clock.timers;
    for (let n = 0; n < 40; n++) await notify({ message: `${n}` });
    expect(clock.timers).toBe(before + 1);
    unmount();
    expect(clock.timers).toBe(before);
    await client.close();
  });
});

describe("notifications that somebody reads", () => {
  async function list() {
    const world = await start();
    render(<StatusPanel operationId={undefined} />, { wrapper: world.wrapper });
    await act(settle);
    await world.answer("user:u1", { position: at(0), recovered: false });
    const all = screen.getByRole("list", { name: "Notifications" });
    return { ...world, all, texts: () => within(all).queryAllByRole("listitem").length };
  }

  it("[P-NOTE-2] no notification disappears while the pointer is on the list, and those past their time do afterwards", async () => {
    const { notify, pass, all, texts, after } = await list();
    await notify({ message: "one" });
    await notify({ level: "error", message: "two" });
    await after(() => fireEvent.pointerEnter(all));
    await pass(30_000);
    expect(texts()).toBe(2);
    await after(() => fireEvent.pointerLeave(all));
    expect(texts()).toBe(1);
    await pass(30_000);
    expect(texts()).toBe(0);
  });

  it("no notification disappears under the focus, and later ones disappear after the last was dismissed", async () => {
    const { notify, pass, texts, after } = await list();
    await notify({ message: "one" });
    const button = screen.getByRole("button", { name: "Dismiss: one" });
    await after(() => button.focus());
    await pass(20_000);
    expect(document.activeElement).toBe(button);
    await after(() => fireEvent.click(button));
    expect(texts()).toBe(0);
    await notify({ message: "two" });
    await pass(10_000);
    expect(texts()).toBe(0);
  });
});
