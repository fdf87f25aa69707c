import { faultsIn } from "../faults-in.mjs";

const estimates = "packages/core/src/estimates";

/** Faults in how the times of steps are learned and used. */
export const estimateMutants = [
  ...faultsIn(`${estimates}/step-times.ts`, [
    [
      "if (startMs < before.startMs + before.tookMs) relations[at] = sideBySide;\n        else if",
      "if",
      "steps side by side count one after the other",
    ],
    [
      "from = Math.max(from, ends[other] ?? 0);",
      "",
      "of steps one after the other only the longest counts",
    ],
    [
      "median(sorted) * (samples.length / count)",
      "median(sorted)",
      "a step that is often skipped counts fully",
    ],
    [
      "if (this.#steps.some(({ id }) => pending.has(id))) return true;",
      "return true;",
      "a run that names its steps as they begin is taken for a plan",
    ],
    [
      "common.length > 0 && common.every(",
      "common.some(",
      "a list with one common step is taken for a plan",
    ],
    ["step.runs >= minSamples", "step.runs >= 1", "a step of one run is known"],
  ]),
  ...faultsIn(`${estimates}/learned-run.ts`, [
    [
      "&& text.length + step.length <= maxDurationRecord",
      "",
      "a run with many steps is too long to be kept",
    ],
    [
      "steps.toSorted((a, b) => b.tookMs - a.tookMs)",
      "steps",
      "the first steps are kept, not the longest",
    ],
  ]),
  ...faultsIn("packages/model/src/step-time.ts", [
    ["return isComplete ?", "return true ?", "the silence of a stall counts as work of a step"],
    [
      "(stepWorkedMs(state, step, now) ?? 0) > p90",
      "(stepWorkedMs(state, step, now) ?? 0) >= p90",
      "a step is slow at its usual time",
    ],
    [
      '(span.what === "pause" || span.what === "wait") && span.attempt === attempt',
      "span.attempt === attempt && false",
      "pauses count as work of a step",
    ],
  ]),
];
