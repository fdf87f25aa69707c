import {
  commandTransitions,
  eventBounds,
  inputBounds,
  operationBounds,
  operationTransitions,
  questionBounds,
  reduceOperation,
} from "@milepost/model";
import { chosenLogs } from "./operation-logs.mjs";
import { randomLogs } from "./random-operation-logs.mjs";

/** @typedef {import("@milepost/model").ProjectionEntry} ProjectionEntry */
/** @typedef {{ readonly event: string, readonly data: unknown }} LoggedEvent */

/**
 * Returns a log with offsets from 1; the time of an entry is 1,000 ms plus 10 ms times its offset.
 *
 * @param {readonly LoggedEvent[]} events
 * @returns {ProjectionEntry[]}
 */
function logOf(events) {
  return events.map(({ event, data }, i) => ({ event, data, ts: 1_010 + 10 * i, offset: i + 1 }));
}

/**
 * @template T
 * @param {T} value
 * @returns {T}
 */
function throughJson(value) {
  return JSON.parse(JSON.stringify(value));
}

/** @param {{ readonly what: string, readonly log: readonly LoggedEvent[], readonly entries?: readonly ProjectionEntry[] }} options */
function vectorOf({ what, log, entries = logOf(log) }) {
  let state;
  const middle = entries.length >> 1;
  let snapshot = null;
  for (const [i, entry] of entries.entries()) {
    state = reduceOperation(state, throughJson(entry));
    if (i + 1 === middle) snapshot = state === undefined ? null : throughJson(state);
  }
  return {
    what,
    entries,
    snapshot: { after: middle, state: snapshot },
    state: state === undefined ? null : throughJson(state),
  };
}

/**
 * Returns a text that exceeds its bound, in short form: a stream with `times` times `unit`, to which `piece` is appended.
 * The text that is left has `length` UTF-16 code units, begins with `first` and ends with `piece`.
 *
 * @param {string} unit
 * @param {string} piece
 */
function cutText(unit, piece) {
  const times = operationBounds.textLength / unit.length;
  const entries = logOf([
    { event: "created", data: { operation_id: "9", kind: "index" } },
    { event: "text", data: { stream: "out", append: unit.repeat(times) } },
    { event: "text", data: { stream: "out", append: piece } },
  ]);
  let state;
  for (const entry of entries) state = reduceOperation(state, entry);
  const text = state?.texts.out?.text ?? "";
  return { unit, times, piece, length: text.length, first: [...text][0] };
}

/** Returns logs of operations with the states that they fold to, for reducers in other languages. */
export function operationFoldVectors() {
  const logs = [...chosenLogs(), ...randomLogs()];
  return {
    description:
      "Logs of operations and the states that they fold to. Rules P-OP-2 and P-OP-16 of docs/protocol/operations.md. " +
      "Folding `entries` from nothing gives `state`; folding those after the first `snapshot.after` onto `snapshot.state` gives " +
      "it too. An absent state is null. Lengths count UTF-16 code units. Numbers compare by value: 40 equals 40.0. In `cut_texts`, " +
      "a stream of `times` times `unit` gets `piece` and keeps its last `length` code units, of which `first` is the first character.",
    transitions: operationTransitions,
    command_phases: commandTransitions,
    state_bounds: operationBounds,
    event_bounds: eventBounds,
    question_bounds: questionBounds,
    input_bounds: inputBounds,
    cut_texts: [cutText("x", "y"), cutText("😀", "y"), cutText("😀", "yz")],
    cases: logs.map(vectorOf),
  };
}
