import type { OperationState } from "@milepost/model";
import { act, cleanup, render, screen } from "@testing-library/react";
import { afterEach, describe, expect, it } from "vitest";
import { englishPeopleTexts } from "./people-texts.ts";
import { created, fold, setUp } from "./testing/world.tsx";
import { LastSign, TimeLeft } from "./time-left.tsx";

afterEach(cleanup);

const texts = englishPeopleTexts;
const world = setUp();
const at = world.clock.now();
const running: OperationState = { ...fold(created), status: "running", updated_at: at };
const shown = () => document.querySelector("p")?.textContent ?? "";

function show(change: Partial<OperationState>, fresh = setUp()) {
  const state = { ...running, ...change };
  render(
    <>
      <TimeLeft state={state} texts={texts} />
      <LastSign state={state} texts={texts} />
    </>,
    { wrapper: fresh.wrapper },
  );
  return fresh;
}

describe("TimeLeft and LastSign", () => {
  it("[P-EST-1] the time left counts down as a range, and stands still while the operation is paused", async () => {
    const remaining = { p50_ms: 120_000, p90_ms: 240_000 };
    const { clock } = show({ estimate: { at, basis: 9, remaining } });
    expect(shown()).toBe("About 2–4 min left");
    await act(() => clock.advance(180_000));
    expect(shown()).toBe("About 0–60 s left");
    cleanup();
    const still = show({ status: "paused", estimate: { at, basis: 9, remaining } });
    await act(() => still.clock.advance(60_000));
    expect(shown()).toBe("About 2–4 min left");
  });

  it("[P-EST-2] [P-EST-5] a new kind says so instead of guessing, and a slow run is called slower than usual", () => {
    show({ estimate: { at, basis: 0, none: "new_kind" } });
    expect(shown()).toBe("No estimate yet for this kind of work");
    cleanup();
    const remaining = { p50_ms: 4_000_000, p90_ms: 9_000_000 };
    show({ estimate: { at, basis: 9, remaining, slower_than_usual: true } });
    expect(shown()).toBe("Slower than usualAbout 1–3 h left");
    cleanup();
    show({ estimate: { at, basis: 9, slower_than_usual: true } });
    expect(shown()).toBe("Slower than usual: the time left is not known");
    cleanup();
    show({});
    expect(shown()).toBe("");
  });

  it("[P-LIVE-1] a quiet operation says how long ago its last sign was, and why nothing moves", async () => {
    const { clock } = show({});
    expect(shown()).toBe("");
    await act(() => clock.advance(12_000));
    expect(shown()).toBe("Last sign 12 s ago");
    cleanup();
    const until = new Date(2023, 10, 14, 14, 5).getTime();
    show({ busy: { reason: "in a child process", until, since: at } });
    expect(shown()).toBe("In a child process until about 14:05");
    cleanup();
    const over = show({ status: "done", busy: { reason: "waiting", since: at } });
    await act(() => over.clock.advance(60_000));
    expect(screen.queryByText(/ago|Waiting/)).toBeNull();
  });
});
