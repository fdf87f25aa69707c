import "./log.css";
import type { Level, LogLine, OperationState } from "@milepost/model";
import { memo, type UIEvent, useLayoutEffect, useRef, useState } from "react";
import { count, counted } from "../words/count.ts";
import { clock, timeOfDay } from "../words/duration.ts";

const levels = {
  info: { one: "Info", filter: "Info" },
  success: { one: "Success", filter: "Success" },
  warning: { one: "Warning", filter: "Warnings" },
  error: { one: "Error", filter: "Errors" },
} as const satisfies Record<Level, { one: string; filter: string }>;

const levelNames = ["info", "success", "warning", "error"] as const satisfies readonly Level[];

interface LineProps {
  readonly line: LogLine;
  readonly start: number;
}

const Line = memo(function Line({ line, start }: LineProps) {
  return (
    <li className="log__line" data-seq={line.seq} data-level={line.level}>
      <time
        className="log__time"
        dateTime={new Date(line.at).toISOString()}
        title={timeOfDay(line.at)}
      >
        {clock(line.at - start)}
      </time>
      <span className="log__message">
        <span className={line.level === "info" ? "unseen" : "log__level"}>
          {levels[line.level].one}:{" "}
        </span>
        {line.message}
      </span>
    </li>
  );
});

interface Props {
  readonly state: OperationState;
  /** Sentence that says what was missed; undefined when nothing was. */
  readonly missed: string | undefined;
}

/**
 * Log lines of the worker, newest last. The list follows the newest line until the reader scrolls up; then a
 * button leads back. It is not a live region, because a line per file would drown the announcements of steps
 * and of the end.
 */
export function RunLog({ state, missed }: Props) {
  const [only, setOnly] = useState<Level | undefined>();
  const [follows, setFollows] = useState(true);
  const list = useRef<HTMLOListElement>(null);
  const lines = only ? state.log.filter(({ level }) => level === only) : state.log;
  const lastSeq = lines.at(-1)?.seq;

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new last line is what moves the list
  useLayoutEffect(() => {
    if (follows && list.current) list.current.scrollTop = list.current.scrollHeight;
  }, [follows, lastSeq, only]);

  const onScroll = ({ currentTarget: { scrollTop, scrollHeight, clientHeight } }: UIEvent) =>
    setFollows(scrollHeight - scrollTop - clientHeight < 24);

  return (
    <section className="panel log" aria-label="Log">
      <div className="panel__head">
        <h2>Log</h2>
        <fieldset className="log__filters">
          <legend className="unseen">Show lines of level</legend>
          <button
            type="button"
            className="chip"
            aria-pressed={only === undefined}
            onClick={() => setOnly(undefined)}
          >
            All <span className="chip__count">{count(state.log_total)}</span>
          </button>
          {levelNames.map((level) => (
            <button
              key={level}
              type="button"
              className="chip"
              data-level={level}
              aria-pressed={only === level}
              onClick={() => setOnly(level)}
            >
              {levels[level].filter}{" "}
              <span className="chip__count">{count(state.log_counts[level])}</span>
            </button>
          ))}
        </fieldset>
      </div>
      <div className="log__frame">
        <ol
          className="log__lines"
          aria-label="Log lines"
          // biome-ignore lint/a11y/noNoninteractiveTabindex: a scroll area needs focus to be scrolled by keys
          tabIndex={0}
          ref={list}
          onScroll={onScroll}
        >
          {lines.map((line) => (
            <Line key={line.seq} line={line} start={state.created_at} />
          ))}
        </ol>
        {lines.length === 0 ? (
          <p className="log__empty soft">{only ? "No lines of this level." : "No lines yet."}</p>
        ) : null}
        {follows ? null : (
          <button
            type="button"
            className="button button--small log__newest"
            onClick={() => {
              setFollows(true);
              list.current?.focus();
            }}
          >
            Newest ↓
          </button>
        )}
      </div>
      <p className="log__foot soft small" data-gap={missed !== undefined}>
        {missed ? <strong className="log__missed">{missed} </strong> : null}
        {state.log_total > state.log.length
          ? `The latest ${count(state.log.length)} of ${counted(state.log_total, "line")}.`
          : " "}
      </p>
    </section>
  );
}
