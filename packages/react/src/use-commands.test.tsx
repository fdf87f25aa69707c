import { settle } from "@milepost/client/testing";
import type { OperationEvent } from "@milepost/model";
import { act, cleanup, renderHook } from "@testing-library/react";
import { afterEach, expect, it } from "vitest";
import { created, fold, operationAnswer, setUp } from "./testing/world.tsx";
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
