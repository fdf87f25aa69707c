import type { OperationHandle, OperationView } from "@milepost/client";
import { MilepostError } from "@milepost/protocol";
import { stillSource } from "./still-source.ts";

/** True for the handle of an operation; a caller without types may pass anything. */
export function isHandle(operation: unknown): operation is OperationHandle {
  return typeof (operation as Partial<OperationHandle> | null)?.getSnapshot === "function";
}

/**
 * Returns the handle that stands in for an operation without an id (no `error`) or with an invalid one. Its view
 * never changes, and its commands fail.
 */
export function absentOperation(error?: MilepostError): OperationHandle {
  const view: OperationView = error === undefined ? { kind: "loading" } : { kind: "error", error };
  const fail = () =>
    Promise.reject(error ?? new MilepostError("bad_message", "there is no operation yet"));
  return {
    ...stillSource(view),
    id: "",
    state: undefined,
    view,
    cancel: fail,
    pause: fail,
    resume: fail,
    retry: fail,
    command: fail,
    input: fail,
    finished: fail,
  };
}
