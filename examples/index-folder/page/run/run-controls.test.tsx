import { commandAllowedIn, type OperationCommandName, type OperationStatus } from "@milepost/model";
import type { CommandControl, CommandControls } from "@milepost/react";
import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, describe, expect, it, vi } from "vitest";
import { RunControls } from "./run-controls.tsx";

afterEach(cleanup);

function controlsIn(
  status: OperationStatus,
  change: Partial<Record<OperationCommandName, Partial<CommandControl>>> = {},
): CommandControls {
  const control = (name: OperationCommandName): CommandControl => {
    const statuses: readonly OperationStatus[] = commandAllowedIn[name];
    return {
      available: statuses.includes(status),
      phase: undefined,
      pending: false,
      error: undefined,
      run: vi.fn(async () => undefined),
      ...change[name],
    };
  };
  return {
    cancel: control("cancel"),
    pause: control("pause"),
    resume: control("resume"),
    retry: control("retry"),
  };
}

function controls(status: OperationStatus, commands = controlsIn(status), reachable = true) {
  return (
    <RunControls status={status} commands={commands} reachable={reachable} onRunAgain={() => {}} />
  );
}

const names = () => screen.getAllByRole("button").map(({ textContent }) => textContent);

describe("the buttons of a run", () => {
  it("the first button keeps the focus while pause becomes pausing, resume, resuming and pause again", () => {
    const { rerender } = render(controls("running"));
    const button = screen.getByRole("button", { name: "Pause" });
    button.focus();
    const busy = { pending: true, available: false };
    for (const [status, change, name] of [
      ["running", { pause: busy }, "Pausing…"],
      ["paused", {}, "Resume"],
      ["paused", { resume: busy }, "Resuming…"],
      ["running", {}, "Pause"],
    ] as const) {
      rerender(controls(status, controlsIn(status, change)));
      expect(document.activeElement).toBe(button);
      expect(button.textContent).toBe(name);
    }
  });

  it("the second button keeps the focus when a cancelled run offers a retry", () => {
    const { rerender } = render(controls("running"));
    const button = screen.getByRole("button", { name: "Cancel" });
    button.focus();
    rerender(controls("cancelled"));
    expect(document.activeElement).toBe(button);
    expect(button.textContent).toBe("Retry");
  });

  it.each([
    ["waiting", ["Pause", "Cancel"]],
    ["running", ["Pause", "Cancel"]],
    ["paused", ["Resume", "Cancel"]],
    ["stalled", ["Pause", "Cancel"]],
    ["failed", ["Pause", "Retry"]],
    ["cancelled", ["Pause", "Retry"]],
    ["lost", ["Pause", "Retry"]],
    ["done", ["Pause", "Run again"]],
  ] as const)(
    "the buttons offer the commands that make sense while a run is %s",
    (status, expected) => {
      render(controls(status));
      expect(names()).toEqual(expected);
    },
  );

  it("the buttons do nothing while another command is pending or the connection is interrupted", () => {
    const busy = controlsIn("running", { cancel: { pending: true, available: false } });
    const { rerender } = render(controls("running", busy));
    fireEvent.click(screen.getByRole("button", { name: "Pause" }));
    expect(busy.pause.run).not.toHaveBeenCalled();

    const cut = controlsIn("running");
    rerender(controls("running", cut, false));
    const pause = screen.getByRole("button", { name: "Pause" });
    fireEvent.click(pause);
    expect(cut.pause.run).not.toHaveBeenCalled();
    expect(pause.getAttribute("aria-disabled")).toBe("true");
  });

  it("a double click on a button sends one command, not also the command that the button shows next", () => {
    const failed = controlsIn("failed");
    render(controls("failed", failed));
    const retry = screen.getByRole("button", { name: "Retry" });
    fireEvent.click(retry, { detail: 2 });
    expect(failed.retry.run).not.toHaveBeenCalled();
    fireEvent.click(retry, { detail: 1 });
    expect(failed.retry.run).toHaveBeenCalledOnce();
  });
});
