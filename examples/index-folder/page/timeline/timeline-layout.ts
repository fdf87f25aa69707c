import type { OperationState, TimelineSpan } from "@milepost/model";

/** Span placed on an attempt's axis; `start` and `length` are shares of the axis, 0–1. */
export interface PlacedSpan {
  readonly start: number;
  readonly length: number;
  readonly from: number;
  readonly to: number;
  /** True while the span has not ended. */
  readonly open: boolean;
}

/** Row of the timeline: one step or agent and its spans; it has none before it starts. */
export interface Lane {
  readonly id: string;
  readonly title: string;
  readonly spans: readonly PlacedSpan[];
}

/** Time in which nothing ran; it crosses all rows. */
export interface Band extends PlacedSpan {
  readonly what: "pause" | "wait";
}

/** Mark on the axis; `at` is its place as a share of the axis, 0–1. */
export interface Tick {
  readonly at: number;
  /** Milliseconds since the attempt's start. */
  readonly ms: number;
}

/** One attempt of a run, on an axis of its own; `from` and `to` are milliseconds since 1970. */
export interface AttemptLayout {
  readonly attempt: number;
  readonly from: number;
  readonly to: number;
  readonly open: boolean;
  readonly lanes: readonly Lane[];
  readonly bands: readonly Band[];
  readonly ticks: readonly Tick[];
}

type Drawn = Pick<OperationState, "timeline" | "steps" | "agents" | "ended_at">;

const tickSteps = [
  0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900,
  1800, 3600, 7200, 14_400, 43_200, 86_400,
].map((seconds) => seconds * 1000);

/** Returns marks at round moments, at most seven of them. */
function ticks(spanMs: number): Tick[] {
  const step = tickSteps.find((each) => spanMs / each <= 6) ?? spanMs;
  const marks: Tick[] = [];
  for (let ms = 0; ms <= spanMs; ms += step) marks.push({ at: ms / spanMs, ms });
  return marks;
}

/**
 * Lays out the timeline with one axis per attempt, oldest first. Open spans extend to `now`, or to the end of a
 * run that has ended.
 */
export function layoutTimeline(state: Drawn, now: number): readonly AttemptLayout[] {
  const attempts = new Map<number, TimelineSpan[]>();
  for (const span of state.timeline) {
    const spans = attempts.get(span.attempt);
    if (spans) spans.push(span);
    else attempts.set(span.attempt, [span]);
  }
  const titles = new Map<string, string>([
    ...state.agents.map(({ id, name }) => [id, name] as const),
    ...state.steps.map(({ id, title }) => [id, title] as const),
  ]);
  const end = state.ended_at ?? now;
  return [...attempts]
    .sort(([one], [other]) => one - other)
    .map(([attempt, spans], index) => {
      // The last attempt shows all planned steps from the start, so that no later row moves the page.
      const planned = index === attempts.size - 1 ? state.steps.map(({ id }) => id) : [];
      return layoutAttempt(attempt, spans, planned, titles, end, state.ended_at === undefined);
    });
}

function layoutAttempt(
  attempt: number,
  spans: readonly TimelineSpan[],
  planned: readonly string[],
  titles: ReadonlyMap<string, string>,
  end: number,
  runIsOpen: boolean,
): AttemptLayout {
  const from = Math.min(...spans.map((span) => span.from));
  const last = Math.max(...spans.map((span) => Math.max(span.from, span.to ?? end)));
  const open = runIsOpen && spans.some((span) => span.to === undefined);
  // The axis of a running attempt covers at least one second, so that it does not race at the start.
  const length = Math.max(open ? 1000 : 1, last - from);
  const place = (span: TimelineSpan): PlacedSpan => {
    const to = Math.max(span.from, span.to ?? end);
    return {
      start: (span.from - from) / length,
      length: (to - span.from) / length,
      from: span.from,
      to,
      open: span.to === undefined && runIsOpen,
    };
  };
  const lanes = new Map<string, PlacedSpan[]>(planned.map((id) => [id, []]));
  const bands: Band[] = [];
  for (const span of spans) {
    if (span.what === "pause" || span.what === "wait") {
      bands.push({ what: span.what, ...place(span) });
      continue;
    }
    const lane = lanes.get(span.id);
    if (lane) lane.push(place(span));
    else lanes.set(span.id, [place(span)]);
  }
  return {
    attempt,
    from,
    to: from + length,
    open,
    lanes: [...lanes].map(([id, placed]) => ({ id, title: titles.get(id) ?? id, spans: placed })),
    bands,
    ticks: ticks(length),
  };
}
