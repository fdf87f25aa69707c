import { settle } from "@milepost/client/testing";
import type { OperationSummary } from "@milepost/model";
import { act, cleanup, renderHook } from "@testing-library/react";
import { afterEach, expect, it } from "vitest";
import { at, event, setUp } from "./testing/world.tsx";
import { useTaggedOperations } from "./use-tagged-operations.ts";

afterEach(cleanup);

const summary = (id: string, percent: number): OperationSummary => ({
  operation_id: id,
  kind: "index",
  title: id,
  status: "running",
  attempt: 1,
  percent,
  warnings: 0,
  errors: 0,
  created_at: 1,
  updated_at: 1,
});

it("[P-TREE-12] useTaggedOperations shows the operations of a tag live, changes with the tag, and has an error for an invalid one", async () => {
  const world = setUp();
  const { result, rerender } = renderHook(
    ({ tag }: { tag: string | undefined }) => useTaggedOperations(tag, { user: "ada" }),
    { wrapper: world.wrapper, initialProps: { tag: undefined as string | undefined } },
  );
  expect(result.current).toEqual({ kind: "loading" });
  rerender({ tag: "nightly" });
  await act(settle);
  await world.accept();
  const snapshot = (state: object) => ({
    position: at(1),
    recovered: false,
    snapshot: { projection: "keyed:operation_id", state },
  });
  await world.answer("user:ada:tag:nightly", snapshot({ a: summary("a", 10) }));
  await world.after(() =>
    world.gateway.last.say(event("user:ada:tag:nightly", 2, "operation", summary("a", 20))),
  );
  expect(result.current).toMatchObject({ kind: "ready", operations: [{ percent: 20 }] });
  rerender({ tag: "hourly" });
  expect(result.current).toEqual({ kind: "loading" });
  await act(settle);
  await world.answer("user:ada:tag:hourly", snapshot({}));
  expect(result.current).toMatchObject({ kind: "ready", operations: [] });
  rerender({ tag: "a b" });
  expect(result.current).toMatchObject({ kind: "error", error: { code: "invalid_channel" } });
});
