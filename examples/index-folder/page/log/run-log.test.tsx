import type { Level, LogLine } from "@milepost/model";
import { cleanup, fireEvent, render, screen, within } from "@testing-library/react";
import { afterEach, describe, expect, it } from "vitest";
import { runningState } from "../testing/operation-states.ts";
import { RunLog } from "./run-log.tsx";

afterEach(cleanup);

function line(seq: number, level: Level, message: string): LogLine {
  return { seq, at: 1_000 + seq * 1_000, level, message };
}

const state = runningState({
  log: [line(3, "info", "one"), line(5, "warning", "two"), line(9, "error", "three")],
  log_total: 250,
  log_counts: { info: 240, success: 0, warning: 9, error: 1 },
});

const shown = () =>
  within(screen.getByRole("list", { name: "Log lines" }))
    .getAllByRole("listitem")
    .map((item) => item.getAttribute("data-seq"));

describe("the log of a run", () => {
  it("the log shows its lines in order and says that older lines are no longer kept", () => {
    render(<RunLog state={state} missed={undefined} />);
    expect(shown()).toEqual(["3", "5", "9"]);
    expect(screen.getByRole("region").textContent).toContain("The latest 3 of 250 lines.");
  });

  it("the log shows one level at a time, with the number of all lines ever written next to it", () => {
    render(<RunLog state={state} missed={undefined} />);
    const warnings = screen.getByRole("button", { name: "Warnings 9" });
    fireEvent.click(warnings);
    expect(shown()).toEqual(["5"]);
    expect(warnings.getAttribute("aria-pressed")).toBe("true");
    fireEvent.click(screen.getByRole("button", { name: "All 250" }));
    expect(shown()).toEqual(["3", "5", "9"]);
  });

  it("the log says which entries were missed", () => {
    render(<RunLog state={state} missed="Some updates were missed." />);
    expect(screen.getByRole("region").textContent).toContain("Some updates were missed.");
  });
});
