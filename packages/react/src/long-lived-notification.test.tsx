import { createClient } from "@milepost/client";
import { ScriptedGateway, settle } from "@milepost/client/testing";
import { act, cleanup, renderHook } from "@testing-library/react";
import { afterEach, expect, it, vi } from "vitest";
import { MilepostProvider } from "./provider.tsx";
import { at, event } from "./testing/world.tsx";
import { useNotifications } from "./use-notifications.ts";

afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

it.each([25, 30])(
  "a notification with a ttl_ms of %i days stays for that time on the clock of the machine",
  async (days) => {
    // Like those of a browser, these timers fire at once when their delay is over 2^31 - 1 ms.
    vi.useFakeTimers();
    const gateway = new ScriptedGateway();
    const client = createClient({ url: "ws://gateway.test/ws", webSocket: gateway.webSocket });
    const { result } = renderHook(() => useNotifications(), {
      wrapper: ({ children }) => <MilepostProvider client={client}>{children}</MilepostProvider>,
    });
    client.connect();
    await act(settle);
    await act(() => gateway.last.accept());
    await act(settle);
    const { sent } = gateway.last;
    const asked = sent.find((one) => one.type === "subscribe" && one.channel === "user:u1");
    if (asked?.type !== "subscribe") throw new Error("the hook did not subscribe");
    await act(() => gateway.last.reply(asked, { position: at(0), recovered: false }));
    const ttl_ms = days * 86_400_000;
    await act(() =>
      gateway.last.say(
        event("user:u1", 1, "notification", { message: "long", level: "info", ttl_ms }),
      ),
    );
    const shown = () => result.current.notifications.map(({ message }) => message);
    // The client is closed so that its own timers do not run for a month.
    await act(() => {
      void client.close();
    });
    await act(() => vi.advanceTimersByTimeAsync(ttl_ms - 60_000));
    expect(shown()).toEqual(["long"]);
    await act(() => vi.advanceTimersByTimeAsync(61_000));
    expect(shown()).toEqual([]);
  },
);
