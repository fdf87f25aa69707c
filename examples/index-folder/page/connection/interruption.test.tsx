import type { ConnectionState } from "@milepost/client";
import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, describe, expect, it, vi } from "vitest";
import { connectionWords, isInterrupted } from "./connection-words.ts";
import { Interruption } from "./interruption.tsx";

afterEach(cleanup);

const waiting = { state: "reconnecting", attempt: 2, retryAt: 10_000, reason: "lost" } as const;

function bar(connection: ConnectionState, now: number, onRetry = () => {}) {
  return <Interruption connection={connection} now={now} asOf={5_000} onRetry={onRetry} />;
}

describe("an interruption", () => {
  it("counts down to the next try and offers to try at once", () => {
    const onRetry = vi.fn();
    const { rerender } = render(bar(waiting, 6_600, onRetry));
    expect(screen.getByRole("region").textContent).toContain("Next try in 4 s.");
    rerender(bar(waiting, 10_400, onRetry));
    expect(screen.getByRole("region").textContent).toContain("Trying now…");
    fireEvent.click(screen.getByRole("button", { name: "Retry now" }));
    expect(onRetry).toHaveBeenCalledOnce();
  });

  it("is not there before the first connection, nor while connected", () => {
    const { container, rerender } = render(bar({ state: "connecting", attempt: 1 }, 0));
    expect(container.textContent).toBe("");
    rerender(bar({ state: "idle" }, 0));
    expect(container.textContent).toBe("");
  });

  it("stays while the next try is under way", () => {
    expect(isInterrupted({ state: "connecting", attempt: 2 })).toBe(true);
    render(bar({ state: "connecting", attempt: 2 }, 0));
    expect(screen.getByRole("region").textContent).toContain("Trying now…");
  });

  it("says what the service said when it will not come back by itself", () => {
    render(bar({ state: "closed", code: 4403, reason: "forbidden", verdict: "stop" }, 0));
    expect(screen.getByRole("region").textContent).toContain("forbidden");
  });

  it("shows in the light's words as well", () => {
    expect(connectionWords(waiting, 9_200)).toEqual({ label: "Retry in 1 s", tone: "halt" });
    expect(connectionWords(waiting, 11_000).label).toBe("Reconnecting…");
  });
});
