import { fork } from "node:child_process";
import { ConfigError } from "@milepost/server/supervisor";
import { CommandFailure } from "../exit-codes.ts";
import type { ServeSources } from "./serve-sources.ts";
import type { WorkerPlan } from "./worker-plan.ts";

/** Answer of the process that reads the configuration. */
export type PlanAnswer =
  | { readonly plan: WorkerPlan }
  /** All mistakes of the configuration. */
  | { readonly mistakes: readonly string[] }
  | { readonly failure: string; readonly exitCode: number };

/** Longest time that reading the configuration may take, in milliseconds. */
const timeoutMs = 60_000;

/**
 * Reads the configuration in a process of its own, which checks it with the gateway's code and has ended then. Rejects with a
 * `ConfigError` that has all mistakes, or with the reason why it could not be read.
 */
export function readWorkerPlan(
  sources: ServeSources,
  env: Readonly<Record<string, string | undefined>>,
): Promise<WorkerPlan> {
  const module = new URL("./worker-plan-process.js", import.meta.url);
  return new Promise((resolve, reject) => {
    const child = fork(module, { env: { ...env }, execArgv: [], timeout: timeoutMs });
    let answer: PlanAnswer | undefined;
    child.on("error", reject);
    child.on("message", (message) => {
      answer = message as PlanAnswer;
    });
    child.on("close", (code, signal) => {
      if (answer === undefined) {
        const how = signal ?? `code ${code}`;
        reject(new Error(`the process that reads the configuration ended with ${how}`));
      } else if ("plan" in answer) resolve(answer.plan);
      else if ("mistakes" in answer) reject(new ConfigError(answer.mistakes));
      else reject(new CommandFailure(answer.failure, answer.exitCode));
    });
    child.send(sources);
  });
}
