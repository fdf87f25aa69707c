import "./timeline.css";
import type { OperationState } from "@milepost/model";
import type { CSSProperties } from "react";
import { duration } from "../words/duration.ts";
import { type AttemptLayout, layoutTimeline, type PlacedSpan } from "./timeline-layout.ts";
import { TimelineTable } from "./timeline-table.tsx";

function place({ start, length }: Pick<PlacedSpan, "start" | "length">): CSSProperties {
  return { "--start": `${start * 100}%`, "--length": `${length * 100}%` } as CSSProperties;
}

function AttemptChart({
  layout,
  alone,
}: {
  readonly layout: AttemptLayout;
  readonly alone: boolean;
}) {
  const bandNames = new Set(layout.bands.map(({ what }) => what));
  return (
    <div className="chart" data-attempt={layout.attempt}>
      {alone ? null : <p className="chart__title">Attempt {layout.attempt}</p>}
      <div className="chart__plot" aria-hidden="true">
        <div className="chart__field">
          {layout.ticks.map(({ at, ms }) => (
            <span key={ms} className="chart__tick" style={place({ start: at, length: 0 })}>
              <span>{ms === 0 ? "0" : duration(ms)}</span>
            </span>
          ))}
        </div>
        {layout.lanes.map(({ id, title, spans }) => (
          <div key={id} className="chart__lane">
            <span className="chart__name">{title}</span>
            <span className="chart__track">
              {spans.map((span) => (
                <span
                  key={span.from}
                  className="chart__span"
                  data-open={span.open}
                  style={place(span)}
                />
              ))}
            </span>
            <span className="chart__took">
              {spans.length === 0
                ? ""
                : duration(spans.reduce((sum, { from, to }) => sum + to - from, 0))}
            </span>
          </div>
        ))}
        <div className="chart__field">
          {layout.bands.map((band) => (
            <span
              key={`${band.what}${band.from}`}
              className="chart__band"
              data-what={band.what}
              style={place(band)}
            />
          ))}
        </div>
      </div>
      {bandNames.size > 0 ? (
        <p className="chart__key" aria-hidden="true">
          {bandNames.has("wait") ? <span data-what="wait">waiting in line</span> : null}
          {bandNames.has("pause") ? <span data-what="pause">paused</span> : null}
        </p>
      ) : null}
    </div>
  );
}

interface Props {
  readonly state: OperationState;
  readonly now: number;
}

/** Chart of what ran when: rows of steps on a time axis per attempt, crossed by pauses and waits. */
export function Timeline({ state, now }: Props) {
  const attempts = layoutTimeline(state, now);
  return (
    <section className="panel" aria-label="Timeline">
      <div className="panel__head">
        <h2>Timeline</h2>
        <span className="soft small">time since the start of each attempt</span>
      </div>
      {attempts.length === 0 ? (
        <p className="chart__empty soft">Nothing has begun yet.</p>
      ) : (
        <>
          {attempts.map((layout) => (
            <AttemptChart key={layout.attempt} layout={layout} alone={attempts.length === 1} />
          ))}
          <TimelineTable attempts={attempts} />
        </>
      )}
    </section>
  );
}
