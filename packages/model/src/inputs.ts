import { definedFields } from "@milepost/protocol";
import type { Accepts, InputPolicy } from "./accepts.ts";
import { changeItems, putItem } from "./item-list.ts";
import type { OperationEvents } from "./operation-event.ts";
import { type InputPhase, type InputState, inputBounds } from "./operation-input.ts";

type Inputs = readonly InputState[];

/** Phases that may follow each phase. */
const next: Record<InputPhase, readonly InputPhase[]> = {
  queued: ["taken", "done", "interrupted"],
  taken: ["done", "interrupted"],
  done: [],
  interrupted: [],
  rejected: [],
  dropped: [],
};

/** True if a message may move from one phase to another. Phases only move forward. */
export function inputMayBecome(from: InputPhase, to: InputPhase): boolean {
  return next[from].includes(to);
}

/** True if a message waits for the producer to finish it. */
export function isPendingInput(
  input: InputState,
): input is InputState & { readonly phase: "queued" | "taken" } {
  return next[input.phase].length > 0;
}

/**
 * Applies a report about a message. A new message is `rejected` if too many wait, or if the operation refuses messages
 * while it is busy. All who fold the log decide alike, so two nodes that send at the same time agree.
 */
export function reportInput(
  inputs: Inputs,
  { input_id: id, phase, data, by }: OperationEvents["input"],
  accepts: Accepts,
  ts: number,
  seq: number,
): Inputs {
  const before = inputs.find((one) => one.id === id);
  if (before !== undefined) {
    if (!inputMayBecome(before.phase, phase)) return inputs;
    return changeItems(
      inputs,
      (one) => one.id === id,
      (one) => ({ ...one, phase, updated_at: ts }),
    );
  }
  if (phase !== "queued") return inputs;
  const sent: InputState = {
    id,
    data,
    phase: refuses(inputs, accepts) === undefined ? "queued" : "rejected",
    ...definedFields({ by }),
    sent_at: ts,
    updated_at: ts,
    seq,
  };
  return putItem(inputs, sent, inputBounds.kept, (one) => !isPendingInput(one));
}

/** Returns why a new message would be rejected: too many wait, or the operation is busy; undefined if it would not. */
export function refuses(
  inputs: Inputs,
  { inputs: policy, busy }: Accepts,
): "full" | "busy" | undefined {
  const pending = inputs.filter(isPendingInput).length;
  if (pending >= inputBounds.pending) return "full";
  return policyOf(policy) === "reject" && (busy === true || pending > 0) ? "busy" : undefined;
}

/** Drops every message that waits, because the operation has ended. */
export function dropInputs(inputs: Inputs, ts: number): Inputs {
  return changeItems(inputs, isPendingInput, (one) => ({
    ...one,
    phase: "dropped",
    updated_at: ts,
  }));
}

function policyOf(policy: InputPolicy | undefined): InputPolicy {
  return policy ?? "queue";
}
