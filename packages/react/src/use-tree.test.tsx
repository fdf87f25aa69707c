import { settle } from "@milepost/client/testing";
import type { OperationState, OperationSummary } from "@milepost/model";
import { act, cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, describe, expect, it } from "vitest";
import { OperationTree } from "./operation-tree.tsx";
import { answerRequest } from "./testing/answers.ts";
import { created, event, fold, operationAnswer, setUp, type World } from "./testing/world.tsx";

afterEach(cleanup);

const summary = (id: string, change: Partial<OperationSummary> = {}): OperationSummary => ({
  operation_id: id,
  kind: "part",
  title: `Part ${id}`,
  status: "running",
  attempt: 1,
  percent: 40,
  warnings: 0,
  errors: 0,
  created_at: 1,
  updated_at: 1,
  ...change,
});
const children = (total: number, revision: number, done = 0) => ({
  total,
  percent: 40,
  statuses: { running: total - done, ...(done > 0 && { done }) },
  revision,
});

async function begin(world: World, total: number): Promise<void> {
  await act(settle);
  await world.accept();
  const state: OperationState = { ...fold(created), children: children(total, 1) };
  await world.answer("operation:9", operationAnswer(state));
}

describe("OperationTree", () => {
  it("[P-TREE-3] the tree shows parts with their weights, opens and closes them, and reads them again when they change", async () => {
    const world = setUp();
    render(<OperationTree operationId="9" hrefOf={(id) => `#${id}`} />, { wrapper: world.wrapper });
    await begin(world, 2);
    const parts = [
      summary("b", { weight: 3, open_questions: 1 }),
      summary("a", { children: { total: 1, done: 0, failed: 0 } }),
    ];
    const params = await answerRequest(world, "operations.list", { operations: parts });
    expect(params).toEqual({ parent: "9", limit: 100 });
    expect(screen.getByRole("status").textContent).toBe("0 of 2 parts done");
    const items = screen.getAllByRole("listitem").map(({ textContent }) => textContent);
    expect(items[0]).toContain("Part a");
    expect(items[1]).toContain("Part bRunning, counts 3×, 1 question");
    expect(screen.getByRole("progressbar", { name: "Part b" })).toBeDefined();
    const button = screen.getByRole("button", { name: "Show the parts of Part a" });
    expect(button.getAttribute("aria-expanded")).toBe("false");
    await world.after(() => fireEvent.click(button));
    await world.after(() => world.clock.advance(1_000));
    await answerRequest(world, "operations.list", { operations: parts });
    expect(await answerRequest(world, "operations.list", { operations: [summary("c")] })).toEqual({
      parent: "a",
      limit: 100,
    });
    expect(screen.getByRole("link", { name: "Part c" }).getAttribute("href")).toBe("#c");
    await world.after(() =>
      fireEvent.click(screen.getByRole("button", { name: /Hide the parts/ })),
    );
    expect(screen.queryByText("Part c")).toBeNull();
    // Changes of the parts reach the root, and many of them in a second make one look.
    for (const revision of [2, 3, 4]) {
      const data = children(2, revision, 1);
      await world.after(() =>
        world.gateway.last.say(event("operation:9", revision, "children", data)),
      );
    }
    expect(world.gateway.last.count("request")).toBe(0);
    await world.after(() => world.clock.advance(1_000));
    expect(world.gateway.last.count("request")).toBe(1);
    await answerRequest(world, "operations.list", {
      operations: [summary("b", { status: "done", percent: 100 }), summary("a")],
    });
    expect(screen.getByRole("status").textContent).toBe("1 of 2 parts done");
    expect(screen.getAllByRole("listitem")[1]?.textContent).toContain("Done");
  });

  it("[P-TREE-3] the tree shows a hundred of thousands of parts, and more on demand", async () => {
    const world = setUp();
    render(<OperationTree operationId="9" />, { wrapper: world.wrapper });
    await begin(world, 3_000);
    const many = (count: number) => Array.from({ length: count }, (_, n) => summary(`p${n}`));
    await answerRequest(world, "operations.list", { operations: many(100) });
    expect(screen.getAllByRole("listitem")).toHaveLength(101);
    await world.after(() =>
      fireEvent.click(screen.getByRole("button", { name: "Show 2,900 more" })),
    );
    await world.after(() => world.clock.advance(1_000));
    const params = await answerRequest(world, "operations.list", { operations: many(1_000) });
    expect(params).toEqual({ parent: "9", limit: 1_000 });
    expect(screen.getByRole("button", { name: "Show 2,000 more" })).toBeDefined();
  });

  it("[P-TREE-3] an operation without parts has no tree, and a lost connection marks the parts as old", async () => {
    const world = setUp();
    render(<OperationTree operationId="9" />, { wrapper: world.wrapper });
    await act(settle);
    await world.accept();
    await world.answer("operation:9", operationAnswer(fold(created)));
    expect(screen.queryByRole("region")).toBeNull();
    expect(world.gateway.last.count("request")).toBe(0);
    const news = event("operation:9", 2, "children", children(1, 1));
    await world.after(() => world.gateway.last.say(news));
    await answerRequest(world, "operations.list", { operations: [summary("a")] });
    expect(screen.getByText("Part a")).toBeDefined();
    await world.after(() => world.gateway.last.drop());
    expect(screen.getByText(/Not live at the moment/)).toBeDefined();
  });
});
