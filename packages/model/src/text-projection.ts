import { isRecord } from "@milepost/protocol";
import { appendBounded } from "./bounded-text.ts";
import { operationBounds } from "./operation-state.ts";
import type { Projection } from "./projection.ts";

/** One text as far as it has come. */
export interface AccumulatedText {
  /** Which message it is, where the publisher says. */
  readonly message_id?: string;
  /** At most 256 Ki characters: the latest ones. */
  readonly text: string;
  readonly done: boolean;
  /** Whether the beginning was cut to stay within the bound. */
  readonly truncated?: boolean;
}

/**
 * Accumulates a stream of text from data with `append` or `content` (a piece), `text` (all of it, instead
 * of what there was), `done` or `isComplete`, and `messageId` or `message_id`.
 *
 * One text at a time: a piece of another message, or one after the text was complete, begins a new text.
 * Publications without any of these fields change nothing.
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
