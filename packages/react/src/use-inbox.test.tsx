import { settle } from "@milepost/client/testing";
import {
  act,
  cleanup,
  fireEvent,
  render,
  renderHook,
  screen,
  within,
} from "@testing-library/react";
import { afterEach, describe, expect, it } from "vitest";
import { InboxPanel } from "./inbox-panel.tsx";
import { answerRequest } from "./testing/answers.ts";
import { at, event, setUp, type World } from "./testing/world.tsx";
import { useInbox } from "./use-inbox.ts";

afterEach(cleanup);

const notice = {
  id: "n1",
  kind: "notification",
  place: 1,
  revision: 1,
  at: 1_700_000_000_000,
  data: { id: "n1", level: "warning", title: "Disk", message: "Nearly full" },
};
const asked = {
  id: "q1",
  kind: "question",
  place: 2,
  revision: 2,
  at: 1_700_000_000_000,
  data: { question_id: "q1", operation_id: "9", title: "Deploy", prompt: "Deploy?" },
};
const counts = (total: number, unread: number, snoozed = 0) => ({
  total,
  unread,
  open: 1,
  snoozed,
});

async function begin(world: World): Promise<void> {
  await act(settle);
  await world.after(() => world.gateway.last.accept({ user_id: "7" }));
  const state = { revision: 2, counts: counts(2, 2), items: [asked, notice], gone: [] };
  await world.answer("inbox:7", {
    position: at(1),
    recovered: false,
    snapshot: { projection: "inbox", state },
  });
}

describe("useInbox and InboxPanel", () => {
  it("[P-INB-13] the inbox panel shows items, answers a question in place, and follows other devices", async () => {
    const world = setUp();
    render(<InboxPanel />, { wrapper: world.wrapper });
    await begin(world);
    const question = {
      id: "q1",
      operation_id: "9",
      title: "Deploy",
      operation_kind: "deploy",
      kind: "approve",
      prompt: "Deploy?",
      status: "open",
      asked_at: 1,
      may_answer: true,
    };
    await answerRequest(world, "questions.list", { questions: [question] });
    expect(screen.getByRole("status").textContent).toBe("2 new");
    const [first, second] = screen.getAllByRole("listitem");
    if (first === undefined || second === undefined) throw new Error("there are two items");
    expect(within(first).getByRole("button", { name: "Yes" })).toBeDefined();
    expect(second.textContent).toContain("Disk Nearly full");
    await world.after(() =>
      fireEvent.click(within(second).getByRole("button", { name: "Mark as read: Disk" })),
    );
    const read = { marked: 1, counts: counts(2, 1), revision: 3 };
    expect(await answerRequest(world, "inbox.read", read)).toEqual({ items: ["n1"] });
    const marks = [{ id: "n1", revision: 3, read_at: 9 }];
    const news = { revision: 3, counts: counts(2, 1), marks };
    await world.after(() => world.gateway.last.say(event("inbox:7", 2, "inbox", news)));
    expect(screen.getByRole("status").textContent).toBe("1 new");
    expect(within(second).queryByRole("button", { name: /Mark as read/ })).toBeNull();
    await world.after(() =>
      fireEvent.click(within(second).getByRole("button", { name: "Show again in an hour: Disk" })),
    );
    const snooze = await answerRequest(world, "inbox.snooze", { ...read, counts: counts(1, 1, 1) });
    expect(snooze).toEqual({ items: ["n1"], for_ms: 3_600_000 });
    const gone = {
      revision: 5,
      counts: counts(0, 0, 1),
      marks: [{ id: "n1", revision: 4, read_at: 9, snoozed_until: 99 }],
      gone: [{ id: "q1", revision: 5, reason: "answered" }],
    };
    await world.after(() => world.gateway.last.say(event("inbox:7", 3, "inbox", gone)));
    expect(screen.queryByRole("listitem")).toBeNull();
    expect(screen.getByText("The inbox is empty.")).toBeDefined();
    expect(screen.getByText("1 item put aside")).toBeDefined();
  });

  it("[P-INB-13] the inbox panel says why a change failed", async () => {
    const world = setUp();
    render(<InboxPanel />, { wrapper: world.wrapper });
    await begin(world);
    await world.after(() => fireEvent.click(screen.getByRole("button", { name: /Mark all/ })));
    const { sent } = world.gateway.last;
    const request = sent.find((one) => one.type === "request" && one.method === "inbox.read");
    await world.after(() =>
      world.gateway.last.refuse(request as { id: number }, {
        code: "store_unavailable",
        message: "the store is away",
        retryable: true,
      }),
    );
    expect(screen.getByRole("alert").textContent).toBe("That did not work: the store is away");
  });

  it("[P-INB-13] useInbox renders again only when the selected part changes", async () => {
    const world = setUp();
    let renders = 0;
    const { result } = renderHook(
      () => {
        renders++;
        return useInbox(({ counts: { unread } }) => unread);
      },
      { wrapper: world.wrapper },
    );
    await begin(world);
    expect(result.current.inbox).toBe(2);
    const before = renders;
    const marks = [{ id: "n1", revision: 3, snoozed_until: 99 }];
    const news = { revision: 3, counts: counts(2, 2), marks };
    await world.after(() => world.gateway.last.say(event("inbox:7", 2, "inbox", news)));
    expect(renders).toBe(before);
  });
});
