import { MilepostError } from "@milepost/protocol";
import type { Source } from "./use-selected.ts";

/** Returns a source whose value never changes. */
export function stillSource<Value>(value: Value): Source<Value> {
  return { subscribe: () => () => {}, getSnapshot: () => value };
}

/**
 * Returns what `open` returns, or the error that it throws for an invalid name, also for one that is no text. A hook
 * puts the error into its view, because an error thrown while rendering would remove the whole page.
 */
export function openOrError<Opened>(open: () => Opened): Opened | MilepostError {
  try {
    return open();
  } catch (error) {
    if (error instanceof MilepostError) return error;
    return new MilepostError("invalid_channel", `the name cannot be used: ${error}`);
  }
}
