import { settle } from "@milepost/client/testing";
import type { OperationEvent, OperationState } from "@milepost/model";
import { act, cleanup, fireEvent, render, screen, within } from "@testing-library/react";
import { renderToString } from "react-dom/server";
import { afterEach, describe, expect, it } from "vitest";
import { englishTexts } from "./panel-texts.ts";
import { MilepostProvider } from "./provider.tsx";
import { StatusPanel } from "./status-panel.tsx";
import { at, created, event, fold, operationAnswer, setUp } from "./testing/world.tsx";

afterEach(cleanup);

const started: OperationEvent = { event: "started", data: {} };
const pending = { position: "pending.0.0", recovered: false, pending: true };

async function show(state: OperationState | null) {
  const world = setUp();
  const { container } = render(<StatusPanel operationId="9" />, { wrapper: world.wrapper });
  await act(settle);
  await world.accept();
  await world.answer("operation:9", operationAnswer(state));
  const say = (offset: number, name: string, data: object) =>
    world.after(() => world.gateway.last.say(event("operation:9", offset, name, data)));
  return { ...world, container, say, panel: screen.getByRole("region") };
}

describe("the status panel", () => {
  it("the status panel has the operation's title as its name and shows each step's status in words", async () => {
    const { panel } = await show(
      fold(created, started, { event: "step", data: { id: "scan", status: "done" } }),
    );
    expect(screen.getByRole("region", { name: "Index the folder" })).toBe(panel);
    const steps = within(screen.getByRole("list", { name: "Steps" })).getAllByRole("listitem");
    expect(steps.map(({ textContent }) => textContent)).toEqual(["✓Scandone", "○Embedto do"]);
  });

  it("[P-EST-15] the status panel says when a running step takes longer than usual, and no longer when it has ended", async () => {
    const estimate = { at: 1, basis: 9, usual_steps: [{ id: "scan", p90_ms: 6_000 }] };
    const { say, clock } = await show(
      fold(
        created,
        started,
        { event: "estimate", data: estimate },
        { event: "step", data: { id: "scan" } },
      ),
    );
    const scan = () => screen.getAllByRole("listitem")[0]?.textContent;
    expect(scan()).toBe("▶Scanrunning");
    await act(() => clock.advance(5_000));
    expect(scan()).toBe("▶Scanrunning");
    await act(() => clock.advance(5_000));
    expect(scan()).toBe("▶Scanrunning, slower than usual");
    await say(5, "step", { id: "scan", status: "done" });
    expect(scan()).toBe("✓Scandone");
  });

  it("the status panel has a progress bar with its value in numbers and words, and marks the current step", async () => {
    const { panel } = await show(
      fold(created, started, {
        event: "step",
        data: { id: "scan", done: 12, total: 40, unit: "files" },
      }),
    );
    const bar = screen.getByRole("progressbar", { name: "Progress of Index the folder" });
    expect(bar.getAttribute("aria-valuenow")).toBe("15");
    expect(bar.getAttribute("aria-valuetext")).toContain("15 percent, Scan");
    expect(panel.querySelector('[aria-current="step"]')?.textContent).toContain("12 of 40 files");
  });

  it("the status panel shows the connection's state in words, and marks the data as old while disconnected", async () => {
    const { panel, gateway, after, clock } = await show(fold(created, started));
    expect(within(panel).getByText("Connected")).toBeDefined();
    await after(() => gateway.last.drop());
    expect(panel.hasAttribute("data-stale")).toBe(true);
    expect(within(panel).getByText(/this is the last known state/)).toBeDefined();
    expect(within(panel).getByText(/Reconnecting/)).toBeDefined();
    fireEvent.click(within(panel).getByRole("button", { name: "Try now" }));
    await act(settle);
    expect(gateway.sockets).toHaveLength(2);
    await act(() => clock.advance(0));
  });

  it.each<OperationEvent>([
    { event: "done", data: {} },
    { event: "cancelled", data: { reason: "by request" } },
    { event: "failed", data: { error: { code: "x", message: "broken", retryable: true } } },
  ])(
    "the status panel of work that ended ($event) is not marked as old while disconnected",
    async (end) => {
      const { panel, gateway, after } = await show(fold(created, started, end));
      await after(() => gateway.last.drop());
      expect(within(panel).getByText(/Reconnecting/)).toBeDefined();
      expect(panel.hasAttribute("data-stale")).toBe(false);
      expect(within(panel).queryByText(/this is the last known state/)).toBeNull();
    },
  );

  it("the status panel writes numbers with separators everywhere", async () => {
    const { panel, say } = await show(
      fold(created, { event: "waiting", data: { position: 1_234, total: 45_678 } }),
    );
    expect(within(panel).getByText("Position 1,234 of 45,678 in line")).toBeDefined();
    await say(3, "started", {});
    await say(4, "step", { id: "scan", done: 12_480, total: 1_000_000, unit: "files" });
    expect(panel.querySelector('[aria-current="step"]')?.textContent).toContain(
      "12,480 of 1,000,000 files",
    );
    expect(englishTexts.warnings(1_200)).toBe("1,200 warnings");
    expect(englishTexts.silence(3_600)).toBe("No update for at least 3,600 seconds");
  });

  it("the status panel counts down to the next reconnect", async () => {
    const { panel, gateway, after, clock } = await show(fold(created, started));
    await after(() => gateway.last.say({ type: "pong", id: gateway.last.take("ping").id }));
    for (let i = 0; i < 4; i++) {
      await after(() => gateway.last.drop());
      if (i < 3) await act(() => clock.advance(16_000));
    }
    expect(within(panel).getByText("Reconnecting in 4 s")).toBeDefined();
    await act(() => clock.advance(2_000));
    expect(within(panel).getByText("Reconnecting in 2 s")).toBeDefined();
  });

  it("the status panel never shows 100 % before the operation is done", async () => {
    const { panel, say } = await show(
      fold(created, started, { event: "progress", data: { percent: 0 } }),
    );
    const now = () => screen.getByRole("progressbar").getAttribute("aria-valuenow");
    expect(now()).toBe("0");
    expect(panel.querySelector(".mp-percent")?.textContent).toBe("0 %");
    await say(4, "steps", { steps: [] });
    await say(5, "progress", { percent: 99.9 });
    expect(now()).toBe("99");
    await say(6, "done", {});
    expect(now()).toBe("100");
  });

  it("the status panel of a waiting operation shows its queue position and estimated wait, and no percentage", async () => {
    const waiting = { position: 3, total: 12, estimated_wait_ms: 110_000 };
    await show(fold(created, { event: "waiting", data: waiting }));
    expect(screen.getByText("Position 3 of 12 in line, about 2 minutes")).toBeDefined();
    expect(screen.getByRole("progressbar").hasAttribute("aria-valuenow")).toBe(false);
  });

  it("the status panel states the number of warnings and errors as text", async () => {
    await show(
      fold(
        created,
        started,
        { event: "log", data: { message: "odd", level: "warning" } },
        { event: "log", data: { message: "odder", level: "warning" } },
        { event: "log", data: { message: "broken", level: "error" } },
      ),
    );
    expect(screen.getByText("2 warnings")).toBeDefined();
    expect(screen.getByText("1 error")).toBeDefined();
  });

  it("the status panel of a stalled operation counts the seconds of silence, including those before the stall", async () => {
    const { clock } = await show(
      fold(created, started, { event: "stalled", data: { silent_ms: 30_000 } }),
    );
    expect(screen.getByText("No update for at least 30 seconds")).toBeDefined();
    await act(() => clock.advance(7_000));
    expect(screen.getByText("No update for at least 37 seconds")).toBeDefined();
  });

  it("the status panel says why an operation failed, and offers a retry only when it is retryable", async () => {
    const failed = (retryable: boolean) =>
      fold(created, started, {
        event: "failed",
        data: { error: { code: "disk_full", message: "The disk is full", retryable } },
      });
    await show(failed(false));
    expect(screen.getAllByText(/The disk is full/).length).toBeGreaterThan(0);
    expect(screen.queryByRole("button", { name: "Retry" })).toBeNull();
    cleanup();
    await show(failed(true));
    expect(screen.getByRole("button", { name: "Retry" })).toBeDefined();
  });

  it("the status panel offers no commands once the operation is done", async () => {
    const { panel } = await show(fold(created, started, { event: "done", data: {} }));
    expect(screen.getByRole("progressbar").getAttribute("aria-valuenow")).toBe("100");
    expect(within(panel).queryAllByRole("button")).toEqual([]);
  });

  it("the status panel without a state says why: connecting, loading, missing or pending", async () => {
    const world = setUp();
    render(<StatusPanel operationId="9" />, { wrapper: world.wrapper });
    await act(settle);
    expect(screen.getByText("Waiting for the connection…")).toBeDefined();
    await world.accept();
    expect(screen.getByText("Loading…")).toBeDefined();
    await world.answer("operation:9", operationAnswer(null));
    expect(screen.getByText("This operation was not found.")).toBeDefined();
    cleanup();
    const other = setUp();
    render(<StatusPanel operationId="9" notifications={false} />, { wrapper: other.wrapper });
    await act(settle);
    await other.accept();
    await other.answer("operation:9", pending);
    expect(screen.getByText(/has not begun yet, or you may not see it/)).toBeDefined();
  });

  it("[P-OP-9] the status panel shows an operation that begins later by itself", async () => {
    const world = setUp();
    render(<StatusPanel operationId="9" notifications={false} />, { wrapper: world.wrapper });
    await act(settle);
    await world.accept();
    await world.answer("operation:9", pending);
    const answer = operationAnswer(fold(created, started));
    const live = { type: "subscribed", channel: "operation:9", ...answer };
    await world.after(() => world.gateway.last.say(live));
    expect(screen.getByRole("progressbar")).toBeDefined();
    expect(screen.queryByText(/has not begun/)).toBeNull();
  });

  it("[P-OP-9] the status panel keeps an operation that the gateway has forgotten, marked as not live, until it is known again", async () => {
    const { after, gateway, panel } = await show(fold(created, started));
    const forgotten = { type: "subscribed", channel: "operation:9", ...pending };
    await after(() => gateway.last.say(forgotten));
    expect(screen.getByRole("progressbar")).toBeDefined();
    expect(screen.getByText(/this is the last known state/)).toBeDefined();
    expect(panel.dataset.stale).toBe("");
    const answer = operationAnswer(fold(created));
    const again = { ...answer, position: "e2.1.t", reason: "epoch_changed" };
    await after(() => gateway.last.say({ type: "subscribed", channel: "operation:9", ...again }));
    expect(screen.queryByText(/this is the last known state/)).toBeNull();
    expect(panel.dataset.stale).toBeUndefined();
    expect(panel.dataset.status).toBe("waiting");
  });

  it("the status panel announces a changed status or step to screen readers, but not each percent", async () => {
    const { say, panel } = await show(fold(created, started));
    const region = within(panel).getByRole("status");
    expect(region.textContent).toBe("Index the folder: Running");
    const changes: string[] = [];
    const observer = new MutationObserver(() => changes.push(region.textContent ?? ""));
    observer.observe(region, { childList: true, characterData: true, subtree: true });
    await say(3, "step", { id: "scan", percent: 10 });
    for (let i = 0; i < 20; i++) await say(4 + i, "step", { id: "scan", percent: 11 + i });
    await say(24, "step", { id: "scan", status: "done" });
    await say(25, "done", {});
    await act(settle);
    observer.disconnect();
    expect(new Set(changes)).toEqual(
      new Set([
        "Index the folder: Running, Scan",
        "Index the folder: Running",
        "Index the folder: Done",
      ]),
    );
    expect(changes.length).toBeLessThan(6);
  });

  it("the status panel sends a command once, shows its phases and keeps the focus", async () => {
    const { gateway, after, say, panel } = await show(fold(created, started));
    const button = within(panel).getByRole("button", { name: "Cancel" });
    button.focus();
    await after(() => fireEvent.click(button));
    await after(() => fireEvent.click(button));
    const request = gateway.last.take("request");
    expect(gateway.last.count("request")).toBe(0);
    expect(button.textContent).toBe("Cancelling…");
    expect(button.getAttribute("aria-disabled")).toBe("true");
    expect(document.activeElement).toBe(button);
    await after(() => gateway.last.reply(request, { command_id: "c1", phase: "requested" }));
    const command = { command_id: "c1", command: "cancel" };
    await say(3, "command", { ...command, phase: "requested" });
    await say(4, "command", { ...command, phase: "done" });
    await say(5, "cancelled", { reason: "by request" });
    expect(within(panel).queryByRole("button", { name: /Cancel/ })).toBeNull();
    expect(within(panel).getByText("by request")).toBeDefined();
    expect(panel.contains(document.activeElement)).toBe(true);
  });

  it("the status panel says why a command was refused", async () => {
    const { gateway, after, panel } = await show(fold(created, started));
    await after(() => fireEvent.click(within(panel).getByRole("button", { name: "Pause" })));
    const refuse = () =>
      gateway.last.refuse(gateway.last.take("request"), {
        code: "not_possible_now",
        message: "it is writing",
      });
    await after(refuse);
    expect(within(panel).getByRole("alert").textContent).toBe("Pause did not work: it is writing");
    expect(within(panel).getByRole("button", { name: "Pause" }).getAttribute("aria-disabled")).toBe(
      "false",
    );
  });

  it("[P-CMD-7] the status panel offers the operation's own commands while they are allowed, and asks for their arguments in a form", async () => {
    const schema = {
      type: "object",
      required: ["workers"],
      properties: { workers: { type: "integer", title: "Workers" } },
    };
    const commands = [
      { name: "scale", title: "Scale", schema },
      { name: "flush" },
      { name: "wake", while: ["paused" as const] },
    ];
    const accepts: OperationEvent = { event: "accepts", data: { commands } };
    const { gateway, after, say, panel } = await show(fold(created, started, accepts));
    const names = () =>
      within(panel)
        .getAllByRole("button")
        .map(({ textContent }) => textContent);
    expect(names()).toEqual(["Pause", "Cancel", "Scale", "flush"]);
    const scale = within(panel).getByRole("button", { name: "Scale" });
    await after(() => fireEvent.click(scale));
    expect(scale.getAttribute("aria-expanded")).toBe("true");
    const workers = within(panel).getByLabelText("Workers");
    const send = () => after(() => fireEvent.submit(workers.closest("form") as HTMLFormElement));
    await send();
    expect(within(panel).getByRole("alert").textContent).toBe("Give a value that fits.");
    expect(gateway.last.count("request")).toBe(0);
    await after(() => fireEvent.change(workers, { target: { value: "3" } }));
    await send();
    const request = gateway.last.take("request");
    expect(request).toMatchObject({ params: { command: "scale", args: { workers: 3 } } });
    expect(workers.closest("[hidden]")).not.toBeNull();
    expect(document.activeElement).toBe(scale);
    expect(scale.textContent).toBe("Scale…");
    await after(() =>
      gateway.last.refuse(request, { code: "invalid_data", message: "workers is too large" }),
    );
    expect(within(panel).getByRole("alert").textContent).toBe(
      "Scale did not work: workers is too large",
    );
    // What was typed is still there, and goes only when a command with it is done.
    expect(workers.closest("[hidden]")).toBeNull();
    expect((workers as HTMLInputElement).value).toBe("3");
    expect(document.activeElement).toBe(scale);
    await after(() => fireEvent.change(workers, { target: { value: "2" } }));
    await send();
    const second = gateway.last.take("request");
    expect(second).toMatchObject({ params: { command: "scale", args: { workers: 2 } } });
    const command = { command_id: "c1", command: "scale" };
    await after(() => gateway.last.reply(second, { command_id: "c1", phase: "requested" }));
    await say(4, "command", { ...command, phase: "requested" });
    await say(5, "command", { ...command, phase: "acknowledged" });
    await say(6, "command", { ...command, phase: "done" });
    expect(within(panel).queryByLabelText("Workers")).toBeNull();
    expect(scale.getAttribute("aria-expanded")).toBe("false");
    await say(7, "paused", {});
    expect(names()).toContain("wake");
    await after(() => fireEvent.click(within(panel).getByRole("button", { name: "flush" })));
    expect(gateway.last.take("request")).toMatchObject({ params: { command: "flush" } });
  });

  it("the status panel shows a notification until its ttl_ms passes or it is dismissed", async () => {
    const { answer, after, gateway, clock } = await show(fold(created, started));
    await answer("user:u1", { position: at(0), recovered: false });
    const notice = (n: number, more: object) =>
      after(() =>
        gateway.last.say(
          event("user:u1", n, "notification", { id: `n${n}`, level: "success", ...more }),
        ),
      );
    await notice(1, { message: "Saved", ttl_ms: 4_000 });
    await notice(2, { message: "Read me" });
    const list = screen.getByRole("list", { name: "Notifications" });
    expect(within(list).getAllByRole("listitem")).toHaveLength(2);
    await act(() => clock.advance(4_000));
    expect(within(list).queryByText("Saved")).toBeNull();
    await after(() => fireEvent.click(screen.getByRole("button", { name: "Dismiss: Read me" })));
    expect(within(list).queryAllByRole("listitem")).toEqual([]);
  });

  it("the status panel has one subscription per channel under StrictMode, and none after unmounting", async () => {
    const { gateway, client } = await show(fold(created, started));
    const rest = gateway.last.sent.flatMap((one) =>
      one.type === "subscribe" ? [one.channel] : [],
    );
    expect(rest.sort()).toEqual(["session:s1", "user:u1"]);
    cleanup();
    await settle();
    const ended = gateway.last.sent.flatMap((one) =>
      one.type === "unsubscribe" ? [one.channel] : [],
    );
    expect(ended.sort()).toEqual(["operation:9", "session:s1", "user:u1"]);
    expect(client.state.state).toBe("connected");
  });

  it("the status panel says that updates may be late while the connection is degraded", async () => {
    const { gateway, after, panel } = await show(fold(created, started));
    await after(() => gateway.last.say({ type: "notice", code: "degraded" }));
    expect(within(panel).getByText(/limited at the moment/)).toBeDefined();
  });

  it("the status panel rendered on a server says that it is not connected", () => {
    const { client } = setUp();
    const html = renderToString(
      <MilepostProvider client={client}>
        <StatusPanel operationId="9" texts={{ offline: "Please wait" }} />
      </MilepostProvider>,
    );
    expect(html).toContain("Not connected");
    expect(html).toContain("Please wait");
  });
});
