import { isRecord, parseJson } from "@milepost/protocol";
import type { ReachWhen } from "./reach-api.ts";
import type { TargetName } from "./target-records.ts";
import type { Thing } from "./thing.ts";

/**
 * Task of a node when a delivery is due:
 *
 * - `watch`: looks at an operation that runs, since it may be slow, or its end may have gone unnoticed;
 * - `decide`: decides which targets are told of a thing;
 * - `end`: the same for the end of an operation, which it reads first;
 * - `send`: attempts to tell one target.
 */
export type Errand =
  | { readonly do: "watch"; readonly operation: string; readonly attempt: number }
  | { readonly do: "end"; readonly operation: string; readonly attempt: number }
  | { readonly do: "decide"; readonly thing: Thing }
  | {
      readonly do: "send";
      readonly thing: Thing;
      readonly to: TargetName;
      readonly when: ReachWhen;
    };

export function writeErrand(errand: Errand): string {
  return JSON.stringify(errand);
}

/** Reads an errand; returns undefined for one that a newer gateway wrote and this one does not know. */
export function readErrand(content: string): Errand | undefined {
  const json = parseJson(content);
  if (!json.ok || !isRecord(json.value)) return undefined;
  const errand = json.value as unknown as Errand;
  return ["watch", "end", "decide", "send"].includes(errand.do) ? errand : undefined;
}
