import { isSettled } from "@milepost/model";
import type { CoreInstruments } from "../runtime/instruments.ts";
import type { OnAppended } from "./operation-log.ts";

/** Counts the statuses of operations, the phases and times of their commands, and what comes of their budgets. */
export function operationMetrics(
  instruments: Pick<
    CoreInstruments,
    "operationStatuses" | "budgets" | "commands" | "commandAnswers" | "commandEnds"
  >,
): OnAppended {
  return (change, before, after, ts) => {
    if (before?.status !== after.status) {
      instruments.operationStatuses.of(after.kind)[after.status].add(1);
    }
    if (change.event === "budget") instruments.budgets[change.data.phase].add(1);
    if (change.event !== "command") return;
    const { command_id, phase } = change.data;
    const command = after.commands.find(({ id }) => id === command_id);
    const earlier = before?.commands.find(({ id }) => id === command_id);
    // A request that repeats an earlier command is in the log for its key alone.
    if (command?.phase !== phase || earlier?.phase === phase) return;
    instruments.commands[phase].add(1);
    if (phase === "requested") return;
    const ms = Math.max(0, ts - command.requested_at);
    if (earlier?.phase === "requested") instruments.commandAnswers.observe(ms);
    if (isSettled(phase)) instruments.commandEnds.observe(ms);
  };
}
