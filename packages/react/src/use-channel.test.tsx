import { settle } from "@milepost/client/testing";
import { act, cleanup, renderHook } from "@testing-library/react";
import { afterEach, describe, expect, it } from "vitest";
import type { UseChannelOptions } from "./channel-view.ts";
import { at, event, setUp } from "./testing/world.tsx";
import { useChannel } from "./use-channel.ts";

afterEach(cleanup);

interface Events {
  readonly message: { readonly n: number };
}
type Options = UseChannelOptions<Events, number>;

const sum: NonNullable<Options["reduce"]> = (total = 0, item) =>
  item.type === "event" ? total + item.data.n : total;

async function showThree(first: Options) {
  const world = setUp();
  const hook = renderHook((options: Options) => useChannel<Events, number>("chat:1", options), {
    wrapper: world.wrapper,
    initialProps: first,
  });
  await act(settle);
  await world.accept();
  await world.answer("chat:1", { position: at(0), recovered: false });
  const say = (n: number) =>
    world.after(() => world.gateway.last.say(event("chat:1", n, "message", { n })));
  for (const n of [1, 2, 3]) await say(n);
  return {
    ...world,
    ...hook,
    say,
    events: () => hook.result.current.events.map(({ data }) => data.n),
  };
}

describe("useChannel with changed options", () => {
  it("useChannel keeps its events, state and subscription when the limit changes", async () => {
    const { result, rerender, gateway, say, events } = await showThree({ limit: 5, reduce: sum });
    const sent = gateway.last.sent.length;
    rerender({ limit: 50, reduce: sum });
    await act(settle);
    expect(events()).toEqual([1, 2, 3]);
    expect(result.current).toMatchObject({ status: "live", state: 6 });
    rerender({ limit: 2, reduce: sum });
    await act(settle);
    expect(events()).toEqual([2, 3]);
    expect(result.current.state).toBe(6);
    await say(4);
    expect(events()).toEqual([3, 4]);
    rerender({ reduce: sum });
    await say(5);
    expect(events()).toEqual([3, 4, 5]);
    expect(result.current.state).toBe(15);
    expect(gateway.last.sent).toHaveLength(sent);
  });

  it.each([0, -1, 0.5, Number.NaN])(
    "useChannel keeps no events under the limit %d, and still folds them",
    async (limit) => {
      const { result, rerender, say, events } = await showThree({ reduce: sum });
      rerender({ reduce: sum, limit });
      expect(events()).toEqual([]);
      await say(4);
      expect(events()).toEqual([]);
      expect(result.current.state).toBe(10);
    },
  );

  it("useChannel keeps its events and state when the function that folds them changes", async () => {
    const { result, rerender, say, events } = await showThree({ reduce: sum });
    rerender({ reduce: (total = 0) => total + 100 });
    await say(4);
    expect(events()).toEqual([1, 2, 3, 4]);
    expect(result.current.state).toBe(106);
  });

  it("[P-OUT-8] useChannel keeps its events and state, and continues after its position, when summaryMs changes", async () => {
    const { result, rerender, gateway, after, say, events } = await showThree({ reduce: sum });
    rerender({ reduce: sum, summaryMs: 5_000 });
    await act(settle);
    const again = gateway.last.take("subscribe");
    expect(again).toMatchObject({ since: at(3), summary_ms: 5_000 });
    expect(events()).toEqual([1, 2, 3]);
    await after(() => gateway.last.reply(again, { position: at(3), recovered: true }));
    await say(4);
    expect(events()).toEqual([1, 2, 3, 4]);
    expect(result.current).toMatchObject({ status: "live", state: 10 });
    rerender({ reduce: sum, summaryMs: 5_000, limit: 9 });
    await act(settle);
    expect(gateway.last.count("subscribe")).toBe(0);
  });

  it("useChannel begins anew when the names of its events change", async () => {
    const { result, rerender, say, events } = await showThree({ reduce: sum });
    rerender({ reduce: sum, events: ["message"] });
    await act(settle);
    expect(events()).toEqual([]);
    expect(result.current.state).toBeUndefined();
    await say(4);
    expect(events()).toEqual([4]);
    expect(result.current.state).toBe(4);
  });
});

describe("the events of useChannel", () => {
  it("useChannel keeps the last 200 events unless a limit says otherwise", async () => {
    const { after, gateway, events } = await showThree({});
    const more = Array.from({ length: 200 }, (_, i) =>
      event("chat:1", i + 4, "message", { n: i + 4 }),
    );
    await after(() => gateway.last.sayTogether(...more));
    expect(events()).toHaveLength(200);
    expect(events().at(0)).toBe(4);
    expect(events().at(-1)).toBe(203);
  });

  it("useChannel forgets the events from before a reset", async () => {
    const { after, gateway, result, events, say } = await showThree({});
    const snapshot = { projection: "latest", state: { n: 7 } };
    await after(() =>
      gateway.last.say({
        ...{ type: "reset", channel: "chat:1", position: at(7), reason: "trimmed", snapshot },
      }),
    );
    expect(events()).toEqual([]);
    expect(result.current.snapshot).toEqual(snapshot);
    await say(8);
    expect(events()).toEqual([8]);
  });
});
