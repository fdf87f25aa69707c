import { settle } from "@milepost/client/testing";
import type { OperationEvent } from "@milepost/model";
import { act, cleanup, renderHook } from "@testing-library/react";
import { afterEach, expect, it } from "vitest";
import { created, event, fold, operationAnswer, setUp } from "./testing/world.tsx";
import { useCommand } from "./use-command.ts";
import { useNow } from "./use-now.ts";
import { useOperation } from "./use-operation.ts";

afterEach(cleanup);

const command = (id: string, phase: string): OperationEvent =>
  ({ event: "command", data: { command_id: id, command: "pause", phase } }) as OperationEvent;

it("a command that was given before shows the phase of its latest request", async () => {
  const { wrapper, accept, answer } = setUp();
  const { result } = renderHook(() => useOperation("9"), { wrapper });
  await act(settle);
  await accept();
  const state = fold(
    created,
    { event: "started", data: {} },
    ...["requested", "acknowledged", "refused"].map((phase) => command("a", phase)),
    command("b", "requested"),
  );
  await answer("operation:9", operationAnswer(state));
  expect(result.current.pause).toMatchObject({ phase: "requested", pending: true });
});

it("[P-CMD-7] useCommand sends a command of the operation's own with its arguments, and is available only while the operation accepts it", async () => {
  const { wrapper, client, gateway, accept, answer, after } = setUp();
  const handle = client.operation("9");
  const { result, rerender } = renderHook(({ name }) => useCommand(handle, name), {
    wrapper,
    initialProps: { name: "scale" },
  });
  await act(settle);
  expect(result.current).toMatchObject({ available: false, pending: false, phase: undefined });
  await accept();
  const accepts: OperationEvent = {
    event: "accepts",
    data: { commands: [{ name: "scale", while: ["running"] }] },
  };
  const state = fold(created, { event: "started", data: {} }, accepts);
  await answer("operation:9", operationAnswer(state));
  expect(result.current.available).toBe(true);
  await after(() => void result.current.run({ args: { workers: 3 } }));
  expect(result.current).toMatchObject({ available: false, pending: true, phase: "sending" });
  const request = gateway.last.take("request");
  expect(request).toMatchObject({ params: { command: "scale", args: { workers: 3 } } });
  const failure = { code: "invalid_data", message: "too many" } as const;
  await after(() => gateway.last.refuse(request, failure));
  expect(result.current).toMatchObject({ available: true, pending: false, error: "too many" });
  rerender({ name: "unknown" });
  expect(result.current).toMatchObject({ available: false, error: undefined });
  rerender({ name: "pause" });
  expect(result.current.available).toBe(true);
  await after(() => gateway.last.say(event("operation:9", 4, "paused", {})));
  expect(result.current.available).toBe(false);
  rerender({ name: "scale" });
  expect(result.current.available).toBe(false);
});

it("useNow ticks once a second while it is active, and has no timer once its component has gone", async () => {
  const { wrapper, clock, client } = setUp();
  const before = clock.timers;
  const { result, rerender, unmount } = renderHook(({ active }) => useNow(active), {
    wrapper,
    initialProps: { active: true },
  });
  const first = result.current;
  await act(() => clock.advance(3_000));
  expect(result.current - first).toBe(3_000);
  rerender({ active: false });
  expect(clock.timers).toBe(before);
  rerender({ active: true });
  expect(clock.timers).toBe(before + 1);
  unmount();
  expect(clock.timers).toBe(before);
  await client.close();
});
