import type { Operation } from "@milepost/producer";
import { MilepostError } from "@milepost/protocol";
import { type AgentPlan, stages } from "./agents.ts";

/** Input of an analysis. */
export interface AnalysisInput {
  readonly company: string;
}

/** Waits between two moments of the work. */
export type Pause = () => Promise<unknown>;

/** Name of a company for which the analyst fails, so that a page can show it. */
export const failingCompany = "Void Ltd.";

/**
 * Analyses a company with several agents. The work is made up, but each report is one that real agents would send:
 * who is at work on what, warnings, errors and the order of it all. It can be paused and cancelled between two tasks.
 */
export async function analyse(
  op: Operation,
  { company }: AnalysisInput,
  pause: Pause,
): Promise<{ readonly company: string; readonly agents: number }> {
  const all = stages.flat();
  const total = all.reduce((sum, { tasks }) => sum + tasks.length, 0);
  let done = 0;
  op.progress({ done, total, unit: "tasks" });

  async function work({ id, tasks, says }: AgentPlan): Promise<void> {
    for (const [index, task] of tasks.entries()) {
      await op.pausePoint();
      op.agent(id, { active: true, tasks: tasks.slice(index), progress: percent(index, tasks) });
      op.log({ level: "info", agent: id, message: task });
      await pause();
      done++;
      op.progress({ done, total, unit: "tasks", message: `${id}: ${task}` });
    }
    if (company === failingCompany && id === "AnalystAgent") {
      throw new MilepostError("internal", `there are no figures of ${company}`);
    }
    if (says !== undefined) op.log({ ...says, agent: id });
    op.agent(id, { active: false });
  }

  for (const stage of stages) await Promise.all(stage.map(work));
  return { company, agents: all.length };
}

function percent(done: number, tasks: readonly string[]): number {
  return Math.round((100 * done) / tasks.length);
}
