import { duration, timeOfDay } from "../words/duration.ts";
import type { AttemptLayout, PlacedSpan } from "./timeline-layout.ts";

interface Row extends PlacedSpan {
  readonly key: string;
  readonly attempt: number;
  readonly what: string;
}

const bandWords = { pause: "Paused", wait: "Waiting in line" } as const;

function rows(attempts: readonly AttemptLayout[]): readonly Row[] {
  return attempts.flatMap(({ attempt, lanes, bands }) =>
    [
      ...lanes.flatMap(({ title, spans }) => spans.map((span) => ({ ...span, what: title }))),
      ...bands.map((band) => ({ ...band, what: bandWords[band.what] })),
    ]
      .sort((one, other) => one.from - other.from)
      .map((row) => ({ ...row, attempt, key: `${attempt}/${row.what}/${row.from}` })),
  );
}

/** Timeline as a table, for people who cannot see the chart. */
export function TimelineTable({ attempts }: { readonly attempts: readonly AttemptLayout[] }) {
  return (
    <details className="timetable">
      <summary>As a table</summary>
      {/* The section scrolls sideways on narrow screens, so it must be reachable by keyboard. */}
      <section
        className="timetable__scroll"
        aria-label="Timeline as a table"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scroll area needs focus to be scrolled by keys
        tabIndex={0}
      >
        <table>
          <caption className="unseen">What ran from when to when, in each attempt</caption>
          <thead>
            <tr>
              <th scope="col">What</th>
              <th scope="col">Attempt</th>
              <th scope="col">From</th>
              <th scope="col">To</th>
              <th scope="col">Took</th>
            </tr>
          </thead>
          <tbody>
            {rows(attempts).map((row) => (
              <tr key={row.key}>
                <th scope="row">{row.what}</th>
                <td>{row.attempt}</td>
                <td>{timeOfDay(row.from)}</td>
                <td>{row.open ? "now" : timeOfDay(row.to)}</td>
                <td>{duration(row.to - row.from)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </details>
  );
}
