import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type CommandPhase,
  commandAllowedIn,
  commandTransitions,
  isSettled,
  mayFollow,
} from "./operation-command.ts";
import { operationBounds } from "./operation-state.ts";
import type { OperationStatus } from "./operation-status.ts";
import { happened } from "./testing/any-operation-entry.ts";
import { fold, foldOn } from "./testing/fold.ts";

const phases = ["requested", "acknowledged", "done", "refused", "timed_out"] as const;
const forward: Record<CommandPhase, string> = {
  requested: "acknowledged done refused timed_out",
  acknowledged: "done refused timed_out",
  done: "",
  refused: "",
  timed_out: "",
};

const phase = (to: CommandPhase, reason?: string) =>
  happened("command", {
    command_id: "c",
    command: "pause",
    phase: to,
    ...(reason === undefined ? {} : { reason }),
  });

const reached: Record<CommandPhase, readonly ReturnType<typeof phase>[]> = {
  requested: [phase("requested")],
  acknowledged: [phase("requested"), phase("acknowledged")],
  done: [phase("requested"), phase("done")],
  refused: [phase("requested"), phase("refused")],
  timed_out: [phase("requested"), phase("timed_out")],
};

describe("commands of an operation", () => {
  it.each(phases.flatMap((from) => phases.map((to) => [from, to] as const)))(
    "[P-CMD-4] a command in phase %s for which phase %s is reported changes only if that phase may follow",
    (from, to) => {
      const may = forward[from].split(" ").includes(to);
      expect(mayFollow(from, to)).toBe(may);
      const before = fold(...reached[from]);
      const after = foldOn(before, [phase(to, "why")]);
      if (may) expect(after.commands).toMatchObject([{ phase: to, reason: "why" }]);
      else expect(after.commands).toBe(before.commands);
    },
  );

  it("[P-CMD-4] a command keeps the first final phase that is reported, whatever is reported before or after", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...phases), { maxLength: 8 }), (reports) => {
        const state = fold(phase("requested"), ...reports.map((to) => phase(to)));
        const end = reports.find(isSettled);
        const fallback = reports.includes("acknowledged") ? "acknowledged" : "requested";
        expect(state.commands[0]?.phase).toBe(end ?? fallback);
      }),
    );
  });

  it.each([
    ["waiting", "cancel"],
    ["running", "cancel pause"],
    ["paused", "cancel resume"],
    ["stalled", "cancel"],
    ["done", ""],
    ["failed", "retry"],
    ["cancelled", "retry"],
    ["lost", "retry"],
  ] satisfies [OperationStatus, string][])(
    "the commands allowed while an operation is %s are: %s",
    (status, names) => {
      const allowed = Object.entries(commandAllowedIn).flatMap(([name, statuses]) =>
        (statuses as readonly string[]).includes(status) ? [name] : [],
      );
      expect(allowed.join(" ")).toBe(names);
    },
  );

  it("[P-CMD-4] a later phase of a command that was never requested is ignored", () => {
    expect(fold(phase("acknowledged"), phase("done")).commands).toEqual([]);
  });

  it("a command is kept with its requester, its time and its arguments", () => {
    const state = fold(
      happened("command", {
        command_id: "c",
        command: "retry",
        phase: "requested",
        by: "user:7",
        args: { from: "start" },
      }),
      phase("acknowledged"),
    );
    expect(state.commands).toEqual([
      {
        id: "c",
        command: "retry",
        phase: "acknowledged",
        by: "user:7",
        args: { from: "start" },
        requested_at: 1_020,
        updated_at: 1_030,
      },
    ]);
  });

  it("the state drops settled commands before a pending one when there are too many", () => {
    const many = Array.from({ length: 3 * operationBounds.commands }, (_, i) => [
      happened("command", { command_id: `m${i}`, command: "tune", phase: "requested" }),
      happened("command", { command_id: `m${i}`, command: "tune", phase: "refused" }),
    ]).flat();
    const state = fold(phase("requested"), ...many);
    expect(state.commands).toHaveLength(operationBounds.commands);
    expect(state.commands[0]?.id).toBe("c");
    expect(state.commands.at(-1)?.id).toBe("m59");
  });

  it("[P-CMD-8] a command that every operation has is ignored while one of its name is not settled, and so are its phases", () => {
    const again = { command_id: "d", command: "cancel" };
    const state = fold(
      happened("command", { command_id: "c", command: "cancel", phase: "requested" }),
      happened("command", { ...again, phase: "requested" }),
      happened("command", { ...again, phase: "done" }),
      happened("command", { command_id: "own", command: "level", phase: "requested" }),
      happened("command", { command_id: "other", command: "level", phase: "requested" }),
    );
    expect(state.commands.map(({ id, phase }) => [id, phase])).toEqual([
      ["c", "requested"],
      ["own", "requested"],
      ["other", "requested"],
    ]);
    const later = fold(
      happened("command", { command_id: "c", command: "cancel", phase: "requested" }),
      happened("command", { command_id: "c", command: "cancel", phase: "refused" }),
      happened("command", { ...again, phase: "requested" }),
    );
    expect(later.commands.map(({ id }) => id)).toEqual(["c", "d"]);
  });

  it("a command is settled in exactly the phases that no phase may follow", () => {
    expect(phases.filter(isSettled)).toEqual(["done", "refused", "timed_out"]);
    expect(Object.keys(commandTransitions)).toEqual(phases);
  });
});
