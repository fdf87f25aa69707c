import { isRecord } from "@milepost/protocol";
import { appendBounded } from "./bounded-text.ts";
import { operationBounds } from "./operation-state.ts";
import type { Projection } from "./projection.ts";

/** The state of the text projection: one text with the pieces that have arrived so far. */
export interface AccumulatedText {
  /** Id of the message; absent if the publisher sent none. */
  readonly message_id?: string;
  /** The text, at most its last 256 Ki characters. */
  readonly text: string;
  readonly done: boolean;
  /** True if the beginning was cut to stay within the bound. */
  readonly truncated?: boolean;
}

/**
 * Accumulates a text from the publications of a channel. These fields of the data are read: `append` or
 * `content` (a piece), `text` (the whole text, which replaces the known one), `done` or `isComplete`, and
 * `messageId` or `message_id`.
 *
 * The state holds one text at a time. A piece of another message, or a piece after the text was complete,
 * begins a new text. Publications with none of these fields for a text or its end change nothing.
 */
export const textProjection: Projection<AccumulatedText> = {
  name: "text",
  initial: undefined,
  reduce(state, { data }) {
    if (!isRecord(data)) return state;
    const piece = firstText(data.append, data.content);
    const whole = firstText(data.text);
    const done = data.done === true || data.isComplete === true;
    if (piece === undefined && whole === undefined && !done) return state;
    const messageId = firstText(data.messageId, data.message_id);
    const isAnother = messageId !== undefined && messageId !== state?.message_id;
    const isFresh = state === undefined || isAnother || (state.done && piece !== undefined);
    const id = messageId ?? (isFresh ? undefined : state.message_id);
    const before = isFresh || whole !== undefined ? "" : state.text;
    const { text, cut } = appendBounded(
      before,
      (whole ?? "") + (piece ?? ""),
      operationBounds.textLength,
    );
    const truncated = cut || (before !== "" && state?.truncated === true);
    return {
      ...(id === undefined ? {} : { message_id: id }),
      text,
      done,
      ...(truncated ? { truncated } : {}),
    };
  },
};

function firstText(...values: readonly unknown[]): string | undefined {
  return values.find((value) => typeof value === "string");
}
