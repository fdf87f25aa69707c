import { chatProjection } from "./chat-projection.ts";
import { dashboardProjection } from "./dashboard-projection.ts";
import { inboxProjection } from "./inbox-projection.ts";
import { keyedProjection } from "./keyed-projection.ts";
import { latestProjection } from "./latest-projection.ts";
import type { OperationState } from "./operation-state.ts";
import { personalProjection } from "./personal-projection.ts";
import type { Projection } from "./projection.ts";
import { reduceOperation } from "./reduce-operation.ts";
import { textProjection } from "./text-projection.ts";

/** Folds the log of an operation's channel into the operation's state. */
export const operationProjection: Projection<OperationState> = {
  name: "operation",
  initial: undefined,
  reduce: reduceOperation,
};

const keyedPrefix = "keyed:";

/**
 * Returns the projection with this name, or undefined for an unknown name, which a newer gateway may use. Rules
 * and snapshots carry these names: `latest`, `text`, `operation`, `chat`, `dashboard`, `personal`, `inbox`, or `keyed:` and
 * the field.
 */
export function projectionNamed(name: string): Projection<unknown> | undefined {
  switch (name) {
    case "latest":
      return erased(latestProjection);
    case "text":
      return erased(textProjection);
    case "operation":
      return erased(operationProjection);
    case "chat":
      return erased(chatProjection);
    case "dashboard":
      return erased(dashboardProjection);
    case "inbox":
      return erased(inboxProjection);
    case "personal":
      return erased(personalProjection);
    default:
      return name.startsWith(keyedPrefix) && name.length > keyedPrefix.length
        ? erased(keyedProjection(name.slice(keyedPrefix.length)))
        : undefined;
  }
}

/** Returns the name of the projection that a rule sets. The name of a keyed projection includes its field. */
export function projectionName(spec: {
  readonly name:
    | "latest"
    | "text"
    | "operation"
    | "chat"
    | "dashboard"
    | "personal"
    | "inbox"
    | "keyed";
  readonly by?: string;
}): string {
  return spec.name === "keyed" ? `${keyedPrefix}${spec.by ?? "id"}` : spec.name;
}

/**
 * Erases the type of a projection's state. That is safe because a state returns only to the projection that
 * made it.
 */
function erased<State>(projection: Projection<State>): Projection<unknown> {
  return projection as Projection<unknown>;
}
