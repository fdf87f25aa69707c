import type { ConnectionState } from "@milepost/client";
import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, describe, expect, it, vi } from "vitest";
import { connectionWords, isInterrupted } from "./connection-words.ts";
import { Interruption } from "./interruption.tsx";

afterEach(cleanup);

const waiting = { state: "reconnecting", attempt: 2, retryAt: 10_000, reason: "lost" } as const;

function bar(connection: ConnectionState, now: number, onRetry = () => {}, settled = false) {
  return (
    <Interruption
      connection={connection}
      now={now}
      asOf={5_000}
      settled={settled}
      onRetry={onRetry}
    />
  );
}

describe("the interruption bar", () => {
  it("the interruption bar counts down to the next attempt and offers to retry now", () => {
    const onRetry = vi.fn();
    const { rerender } = render(bar(waiting, 6_600, onRetry));
    expect(screen.getByRole("region").textContent).toContain("Next try in 4 s.");
    rerender(bar(waiting, 10_400, onRetry));
    expect(screen.getByRole("region").textContent).toContain("Trying now…");
    fireEvent.click(screen.getByRole("button", { name: "Retry now" }));
    expect(onRetry).toHaveBeenCalledOnce();
  });

  it("the interruption bar says that work may have continued, but not of a run that has ended", () => {
    const { rerender } = render(bar(waiting, 6_600));
    expect(screen.getByRole("region").textContent).toContain("the work may have continued");
    rerender(bar(waiting, 6_600, () => {}, true));
    expect(screen.getByRole("region").textContent).toContain("This run has ended");
    expect(screen.getByRole("region").textContent).not.toContain("may have continued");
  });

  it("the interruption bar is absent before the first connection", () => {
    const { container, rerender } = render(bar({ state: "connecting", attempt: 1 }, 0));
    expect(container.textContent).toBe("");
    rerender(bar({ state: "idle" }, 0));
    expect(container.textContent).toBe("");
  });

  it("the interruption bar stays while the next attempt is under way", () => {
    expect(isInterrupted({ state: "connecting", attempt: 2 })).toBe(true);
    render(bar({ state: "connecting", attempt: 2 }, 0));
    expect(screen.getByRole("region").textContent).toContain("Trying now…");
  });

  it("the interruption bar shows the service's reason when the client will not reconnect by itself", () => {
    render(bar({ state: "closed", code: 4403, reason: "forbidden", verdict: "stop" }, 0));
    expect(screen.getByRole("region").textContent).toContain("forbidden");
  });

  it("the connection light shows the countdown of an interruption as well", () => {
    expect(connectionWords(waiting, 9_200)).toEqual({ label: "Retry in 1 s", tone: "halt" });
    expect(connectionWords(waiting, 11_000).label).toBe("Reconnecting…");
  });
});
