import { describe, expect, it } from "vitest";
import { happened } from "./testing/any-operation-entry.ts";
import { fold, foldOn } from "./testing/fold.ts";

describe("agents of an operation", () => {
  it("an agent is active from its first report, with its current tasks", () => {
    const state = fold(
      happened("agent", { id: "x", name: "Analyst", tasks: ["read"], progress: 5 }),
    );
    expect(state.current_agent).toBe("x");
    expect(state.agents).toEqual([
      {
        id: "x",
        name: "Analyst",
        active: true,
        progress: 5,
        tasks: ["read"],
        since: state.updated_at,
        updated_at: state.updated_at,
      },
    ]);
    const further = foldOn(state, [happened("agent", { id: "x", tasks: ["write", "check"] })]);
    expect(further.agents[0]).toMatchObject({
      name: "Analyst",
      progress: 5,
      tasks: ["write", "check"],
      since: state.updated_at,
      updated_at: further.updated_at,
    });
  });

  it("an agent that is reported inactive loses its tasks, and the agent that became active last becomes the current one", () => {
    const state = fold(
      happened("agent", { id: "x", tasks: ["read"] }),
      happened("agent", { id: "y", tasks: ["plan"] }),
      happened("agent", { id: "z", active: true }),
      happened("agent", { id: "x", tasks: ["read on"] }),
    );
    expect(state.current_agent).toBe("z");
    const next = foldOn(state, [happened("agent", { id: "z", active: false })]);
    expect(next.current_agent).toBe("y");
    const rest = foldOn(next, [
      happened("agent", { id: "y", active: false }),
      happened("agent", { id: "x", active: false }),
    ]);
    expect(rest).not.toHaveProperty("current_agent");
    expect(rest.agents.flatMap(({ tasks }) => tasks)).toEqual([]);
    expect(rest.execution_order).toEqual(["x", "y", "z"]);
    expect(rest.timeline.map(({ what, id, to }) => [what, id, to !== undefined])).toEqual([
      ["agent", "x", true],
      ["agent", "y", true],
      ["agent", "z", true],
    ]);
  });

  it("the first report about an agent may say that the agent is not active", () => {
    const state = fold(happened("agent", { id: "x", active: false }));
    expect(state.agents).toMatchObject([{ id: "x", active: false }]);
    expect(state).not.toHaveProperty("current_agent");
    expect(state.timeline).toEqual([]);
  });

  it("every agent becomes inactive when the operation ends", () => {
    const state = fold(happened("agent", { id: "x", tasks: ["read"] }), happened("cancelled", {}));
    expect(state.agents).toMatchObject([{ active: false, tasks: [], since: state.ended_at }]);
    expect(state).not.toHaveProperty("current_agent");
  });
});

describe("timeline of an operation", () => {
  it("the timeline shows each wait and pause with its start and end", () => {
    const state = fold(
      happened("waiting", { position: 2, total: 2 }),
      happened("waiting", { position: 1, total: 2 }),
      happened("started", {}),
      happened("paused", {}),
      happened("stalled", { silent_ms: 1 }),
      happened("revived", {}),
      happened("resumed", {}),
    );
    expect(state.timeline).toEqual([
      { what: "wait", id: "wait", from: 1_020, to: 1_040, attempt: 1 },
      { what: "pause", id: "pause", from: 1_050, to: 1_080, attempt: 1 },
    ]);
  });

  it("the timeline has separate spans for a step and an agent with the same id", () => {
    const state = fold(
      happened("step", { id: "x" }),
      happened("agent", { id: "x" }),
      happened("step", { id: "x", status: "done" }),
    );
    expect(state.timeline.map(({ what, to }) => [what, to !== undefined])).toEqual([
      ["step", true],
      ["agent", false],
    ]);
  });
});
