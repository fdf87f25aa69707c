import { settle } from "@milepost/client/testing";
import { act, cleanup, fireEvent, render, renderHook, screen } from "@testing-library/react";
import { afterEach, describe, expect, it } from "vitest";
import { QueuePosition } from "./queue-position.tsx";
import { at, setUp, type World } from "./testing/world.tsx";
import { useQueue } from "./use-queue.ts";

afterEach(cleanup);

const ticket = {
  id: "t1",
  queue: "preview",
  status: "waiting",
  lane: "free",
  position: 4,
  total: 9,
  ahead_in_lane: 3,
  estimated_wait: { p50_ms: 60_000, p90_ms: 150_000 },
  user_id: "7",
  attempt: 0,
  joined_at: 1,
};

/** Answers the oldest unanswered request of a method. */
async function reply({ gateway, after }: World, method: string, result: object): Promise<void> {
  await after(async () => {
    const { sent } = gateway.last;
    const index = sent.findIndex((one) => one.type === "request" && one.method === method);
    const [message] = sent.splice(index, 1);
    if (message === undefined) throw new Error(`the client sent no ${method}`);
    await gateway.last.reply(message as { id: number }, result);
  });
}

async function begin(world: World): Promise<void> {
  await act(settle);
  await world.after(() => world.gateway.last.accept({ user_id: "7" }));
  await world.answer("user:7", { position: at(0), recovered: false });
}

const news = (offset: number, change: object) => ({
  type: "event",
  channel: "user:7",
  position: at(offset),
  event: "queue:position",
  ts: offset,
  data: { queue: "preview", ticket: { ...ticket, ...change } },
});

describe("useQueue and QueuePosition", () => {
  it("[P-QUE-16] a page finds the person's ticket again, follows its position, and leaves", async () => {
    const world = setUp();
    const { wrapper, gateway, after } = world;
    render(<QueuePosition queue="preview" />, { wrapper });
    await begin(world);
    expect(screen.queryByRole("region")).toBeNull();
    await reply(world, "queues.get", ticket);
    expect(screen.getByRole("status").textContent).toBe("You are number 4 of 9");
    expect(screen.getByText("About 1–3 min")).toBeDefined();
    await after(() => gateway.last.say(news(1, { position: 1, estimated_wait: null })));
    expect(screen.getByRole("status").textContent).toBe("You are next");
    expect(screen.getByText("The wait is not known yet")).toBeDefined();
    await after(() => fireEvent.click(screen.getByRole("button", { name: "Leave the queue" })));
    await reply(world, "queues.leave", { ...ticket, status: "left", position: 0 });
    expect(screen.getByRole("status").textContent).toBe("You have left the queue");
  });

  it("[P-QUE-16] useQueue joins, and ignores what concerns another queue", async () => {
    const world = setUp();
    const { result } = renderHook(() => useQueue("preview"), { wrapper: world.wrapper });
    await begin(world);
    await reply(world, "queues.get", { ...ticket, id: "t0" });
    const joining = result.current.join();
    await act(settle);
    await reply(world, "queues.join", { ...ticket, duplicate: false });
    expect(await joining).toMatchObject({ id: "t1" });
    expect(result.current).toMatchObject({ status: "live", ticket: { id: "t1", position: 4 } });
    const other = { ...news(1, { position: 2 }), data: { queue: "other", ticket } };
    await world.after(() => world.gateway.last.say(other));
    expect(result.current.ticket?.position).toBe(4);
    await world.after(() => world.gateway.last.say(news(2, { status: "running", position: 0 })));
    expect(result.current.ticket?.status).toBe("running");
  });
});
