import type { ServicePrincipal } from "../rules/principal.ts";
import type { CoreLog } from "./options.ts";
import { traceFields } from "./tracer.ts";

/** Action of an administrator: what was done, or tried, to what. */
export interface AuditedAction {
  /** Stable name of the action, such as `connections.disconnect`. */
  readonly action: string;
  /** What it was done to, such as `{user: "7"}`. */
  readonly target: Readonly<Record<string, unknown>>;
  /** `done`, or the code of the error. */
  readonly outcome: string;
}

/** Writes the audit line of an action: who did what to what, with which credential, and how it ended. */
export function writeAudit(
  log: Pick<CoreLog, "info">,
  { name, isConsole, traceparent }: ServicePrincipal,
  { action, target, outcome }: AuditedAction,
): void {
  const credential = isConsole === true ? "console_token" : "api_key";
  log.info(
    { event: "audit", action, who: name, credential, target, outcome, ...traceFields(traceparent) },
    "audit",
  );
}
