import { cleanup, render, screen } from "@testing-library/react";
import { afterEach, describe, expect, it } from "vitest";
import { runningState } from "../testing/operation-states.ts";
import { Announcer } from "./announcer.tsx";

afterEach(cleanup);

const said = () => screen.getByRole("status").textContent;

describe("the announcer for screen readers", () => {
  it("the announcer stays silent about the state it finds on arrival and about percentages", () => {
    const { rerender } = render(<Announcer state={runningState()} connection="Connected." />);
    expect(said()).toBe("");
    for (const percent of [41, 50, 62]) {
      rerender(<Announcer state={runningState({ percent })} connection="Connected." />);
      expect(said()).toBe("");
    }
  });

  it("the announcer announces a new step, a pause and the end", () => {
    const { rerender } = render(<Announcer state={runningState()} connection="Connected." />);
    rerender(<Announcer state={runningState({ current_step: "scan" })} connection="Connected." />);
    expect(said()).toBe("Running: Scan.");
    rerender(<Announcer state={runningState({ status: "paused" })} connection="Connected." />);
    expect(said()).toContain("Paused.");
    rerender(
      <Announcer
        state={runningState({
          status: "failed",
          error: { code: "read_failed", message: "the disk is gone", retryable: true },
        })}
        connection="Connected."
      />,
    );
    expect(said()).toBe("Failed: the disk is gone");
  });

  it("the announcer says why a command was refused", () => {
    const { rerender } = render(<Announcer state={runningState()} connection="Connected." />);
    const commands = [
      {
        id: "c1",
        command: "pause",
        phase: "refused",
        reason: "it is writing",
        requested_at: 1,
        updated_at: 2,
      },
    ] as const;
    rerender(<Announcer state={runningState({ commands })} connection="Connected." />);
    expect(said()).toBe("Running: Read. Pause was refused: it is writing");
  });

  it("the announcer says that the connection is lost and that it is restored", () => {
    const { rerender } = render(<Announcer state={runningState()} connection="Connected." />);
    rerender(<Announcer state={runningState()} connection="Connection interrupted." />);
    expect(said()).toBe("Connection interrupted.");
    rerender(<Announcer state={runningState()} connection="Connected." />);
    expect(said()).toBe("Connected.");
  });

  it("the announcer stays silent when the user selects another run", () => {
    const { rerender } = render(<Announcer state={runningState()} connection="Connected." />);
    rerender(
      <Announcer state={runningState({ id: "run-2", status: "paused" })} connection="Connected." />,
    );
    expect(said()).toBe("");
  });
});
