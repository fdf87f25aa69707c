import { cleanup, fireEvent, render, screen, within } from "@testing-library/react";
import { afterEach, describe, expect, it, vi } from "vitest";
import { remember } from "./panel-controls.ts";
import { RealtimeStatusPanel } from "./realtime-status-panel.tsx";
import type { StudioWebSocket } from "./use-web-socket.ts";

afterEach(cleanup);

const nothing: StudioWebSocket = {
  connected: true,
  queuePosition: null,
  syncProgress: null,
  previewStatus: null,
  generationProgress: null,
  notifications: [],
  errors: [],
  clearNotifications: () => {},
  clearErrors: () => {},
};

const show = (websocket: Partial<StudioWebSocket>) =>
  render(<RealtimeStatusPanel websocket={{ ...nothing, ...websocket }} />);

describe("the real-time panel", () => {
  it("the panel says that live updates are active, and while there is no connection that they are not", () => {
    const { rerender } = show({});
    expect(screen.getByText("Live updates active")).toBeDefined();
    expect(screen.getByText(/Nothing is running/)).toBeDefined();
    rerender(<RealtimeStatusPanel websocket={{ ...nothing, connected: false }} />);
    expect(screen.queryByText("Live updates active")).toBeNull();
    expect(screen.getByText("Live updates paused")).toBeDefined();
  });

  it("the panel shows the position in the queue with the estimated wait", () => {
    const wait = { estimated_wait_ms: 90_000, estimatedWaitTime: 90_000, at: 1 };
    show({ queuePosition: { position: 3, total: 5, ...wait } });
    expect(screen.getByText(/Position 3 of 5 in line, about 2 minutes/)).toBeDefined();
    expect(screen.getByRole("status").textContent).toContain("Position 3 of 5");
  });

  it("the panel shows the synchronisation as a bar with its four stages in words", () => {
    const sync = {
      stage: "syncing",
      percent: 50,
      message: "Syncing files",
      failed: false,
      at: 1,
    } as const;
    const { rerender } = show({ syncProgress: sync });
    const bar = screen.getByRole("progressbar", { name: "Synchronisation" });
    expect(bar.getAttribute("aria-valuenow")).toBe("50");
    expect(bar.getAttribute("aria-valuetext")).toBe("50 percent, Syncing");
    const stages = () => screen.getAllByRole("listitem").map(({ textContent }) => textContent);
    expect(stages()).toEqual([
      "✓Validating: done",
      "▶Syncing: running",
      "○Launching: to do",
      "○Complete: to do",
    ]);
    expect(screen.getByText("Syncing files")).toBeDefined();
    const failed = { ...sync, failed: true };
    rerender(<RealtimeStatusPanel websocket={{ ...nothing, syncProgress: failed }} />);
    expect(stages()[1]).toBe("✕Syncing: failed");
    const complete = { ...sync, stage: "complete", percent: 100 } as const;
    rerender(<RealtimeStatusPanel websocket={{ ...nothing, syncProgress: complete }} />);
    expect(stages()[3]).toBe("✓Complete: done");
  });

  it("the panel shows the preview as a badge, with a link to its page", () => {
    show({ previewStatus: { status: "ready", url: "http://localhost:8000/", at: 1 } });
    expect(screen.getByText("Ready").dataset.preview).toBe("ready");
    const link = screen.getByRole("link", { name: "Open the preview" });
    expect(link.getAttribute("href")).toBe("http://localhost:8000/");
    expect(link.getAttribute("rel")).toBe("noopener noreferrer");
  });

  it.each(["javascript:alert(1)", "data:text/html,x", "JaVaScRiPt:alert(1)", "http://"])(
    "the panel makes no link of the address %s",
    (url) => {
      show({ previewStatus: { status: "ready", url, at: 1 } });
      expect(screen.getByText("Ready")).toBeDefined();
      expect(screen.queryByRole("link")).toBeNull();
    },
  );

  it("the panel shows errors as an alert and clears them, and notifications of each level", () => {
    const clearErrors = vi.fn();
    const error = { id: "1", code: "disk_full", message: "No space left", retryable: false, at: 1 };
    const note = {
      id: "2",
      level: "success",
      type: "success",
      message: "Files synced",
      at: 2,
    } as const;
    show({ errors: [error], notifications: [note], clearErrors });
    expect(within(screen.getByRole("alert")).getByText("No space left")).toBeDefined();
    const notes = within(screen.getByRole("list", { name: "Notifications" }));
    expect(notes.getByRole("listitem").dataset.level).toBe("success");
    fireEvent.click(screen.getByRole("button", { name: "Clear errors" }));
    expect(clearErrors).toHaveBeenCalledOnce();
  });

  it("the panel of a hook dismisses one item, keeps notifications while they are read, and reconnects at once", () => {
    const note = { id: "2", level: "info", type: "info", message: "Files synced", at: 2 } as const;
    const websocket = { ...nothing, connected: false, notifications: [note] };
    const dismiss = vi.fn();
    const hold = vi.fn();
    const retryNow = vi.fn();
    const verdict = "resume" as const;
    const state = { state: "closed", code: 1006, reason: "lost", verdict } as const;
    remember(websocket, { state, dismiss, hold, retryNow });
    render(<RealtimeStatusPanel websocket={websocket} />);
    const list = screen.getByRole("list", { name: "Notifications" });
    fireEvent.focus(screen.getByRole("button", { name: "Dismiss: Files synced" }));
    expect(hold).toHaveBeenLastCalledWith(true);
    fireEvent.blur(screen.getByRole("button", { name: "Dismiss: Files synced" }));
    expect(hold).toHaveBeenLastCalledWith(false);
    fireEvent.click(within(list).getByRole("button", { name: "Dismiss: Files synced" }));
    expect(dismiss).toHaveBeenCalledWith(note);
    expect(screen.getByText("Disconnected: lost")).toBeDefined();
    fireEvent.click(screen.getByRole("button", { name: "Try now" }));
    expect(retryNow).toHaveBeenCalledOnce();
  });

  it("texts can be replaced one by one", () => {
    render(<RealtimeStatusPanel websocket={nothing} texts={{ connected: "En direct" }} />);
    expect(screen.getByText("En direct")).toBeDefined();
    expect(screen.getByRole("region", { name: "Live status" })).toBeDefined();
  });
});
