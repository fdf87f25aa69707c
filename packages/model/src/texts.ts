import { appendBounded } from "./bounded-text.ts";
import type { OperationEvents } from "./operation-event.ts";
import { type OperationState, operationBounds, type TextState } from "./operation-state.ts";

type Texts = OperationState["texts"];

/**
 * Applies a report to its text stream and returns all streams. Returns the same object if the stream was
 * already complete. Above the bound, drops the streams that were written longest ago.
 */
export function reportText(texts: Texts, report: OperationEvents["text"], offset: number): Texts {
  const { stream, append = "", reset = false } = report;
  const before = !reset && Object.hasOwn(texts, stream) ? texts[stream] : undefined;
  if (before?.done) return texts;
  const { text, cut } = appendBounded(before?.text ?? "", append, operationBounds.textLength);
  const after: TextState = {
    text,
    done: report.done ?? false,
    ...(cut || before?.truncated ? { truncated: true } : {}),
    offset,
  };
  // A computed key defines an own field, even if it is named __proto__.
  return bounded({ ...texts, [stream]: after });
}

function bounded(texts: Texts): Texts {
  const streams = Object.entries(texts);
  if (streams.length <= operationBounds.texts) return texts;
  streams.sort(([, a], [, b]) => a.offset - b.offset);
  return Object.fromEntries(streams.slice(-operationBounds.texts));
}
