import "./run.css";
import { isFinal, type OperationState } from "@milepost/model";
import type { CommandControls } from "@milepost/react";
import type { Ref } from "react";
import { wholePercent } from "../words/count.ts";
import { type CommandNews, commandNews } from "./command-words.ts";
import { Readings } from "./readings.tsx";
import { Road } from "./road.tsx";
import { RunControls } from "./run-controls.tsx";
import { StatusBadge } from "./status-badge.tsx";
import { statusWords } from "./status-words.ts";
import { StepList } from "./step-list.tsx";
import { useRunPace } from "./use-run-pace.ts";
import { WaitingLine } from "./waiting-line.tsx";

interface Props {
  readonly state: OperationState;
  readonly now: number;
  /**
   * False while the connection is interrupted or updates no longer arrive; what is shown may then be out of
   * date.
   */
  readonly reachable: boolean;
  readonly commands: CommandControls;
  /** Message about something that the page itself could not do. */
  readonly problem: string | undefined;
  readonly titleRef: Ref<HTMLHeadingElement>;
  onRunAgain(): void;
}

function sentence(reason: string): string {
  const capital = reason.slice(0, 1).toUpperCase() + reason.slice(1);
  return /[.!?…]$/.test(capital) ? capital : `${capital}.`;
}

/** Returns one sentence about the run: what the worker says, or why nothing happens. */
function nowDoing(state: OperationState): string {
  const meaning = statusWords[state.status].meaning;
  switch (state.status) {
    case "running": {
      const step = state.steps.find(({ id }) => id === state.current_step);
      return step?.message ?? state.message ?? "Starting…";
    }
    case "failed":
      return state.error?.message ?? state.reason ?? "It failed without giving a reason.";
    case "cancelled":
    case "paused":
      return state.reason ? `${sentence(state.reason)} ${meaning}` : meaning;
    case "done":
      return "Everything is indexed. You can search it below.";
    case "waiting":
    case "stalled":
    case "lost":
      return meaning;
  }
}

/** Returns the message about a command that could not be sent and is therefore missing from the log. */
function notSent(commands: CommandControls): CommandNews | undefined {
  const failed = Object.values(commands).find(({ error }) => error !== undefined);
  return failed?.error === undefined ? undefined : { text: failed.error, bad: true };
}

/** Selected run: its progress, its current work, and the buttons that control it. */
export function RunPanel(props: Props) {
  const { state, now, reachable, commands, problem } = props;
  const pace = useRunPace(state);
  const { tone, label } = statusWords[state.status];
  const current = state.steps.find(({ id }) => id === state.current_step);
  const news = problem
    ? { text: problem, bad: true }
    : (commandNews(state.commands) ?? notSent(commands));
  const doing = nowDoing(state);
  const says = tone === "stop" ? "failure" : state.status === "running" ? "work" : "status";
  // Nothing of a run that has ended can change, so it is never out of date.
  const fresh = reachable || isFinal(state.status);
  const halted = state.status === "paused" || state.status === "stalled";
  const roadWords = current && state.status === "running" ? `${label}, ${current.title}` : label;

  return (
    <section className="panel run" aria-label="Run" data-operation={state.id} data-fresh={fresh}>
      <div className="panel__head">
        <div className="run__names">
          <h2 className="run__title" ref={props.titleRef} tabIndex={-1}>
            {state.title}
          </h2>
          {state.attempt > 1 ? <span className="run__attempt">attempt {state.attempt}</span> : null}
        </div>
        <RunControls
          status={state.status}
          commands={commands}
          reachable={reachable}
          onRunAgain={props.onRunAgain}
        />
      </div>
      <div className="run__dial">
        <div className="run__reading" data-tone={tone}>
          <p className="run__status">
            <StatusBadge status={state.status} />
            {fresh ? null : <span className="soft small">when last heard</span>}
          </p>
          <p className="run__percent">
            <span data-percent={wholePercent(state.percent)}>{wholePercent(state.percent)}</span>
            <span className="run__sign">%</span>
          </p>
        </div>
        {state.status === "waiting" && state.waiting ? (
          <WaitingLine waiting={state.waiting} />
        ) : (
          <Readings state={state} pace={pace} now={now} />
        )}
      </div>
      <p className="run__doing" title={doing} data-tone={tone} data-says={says}>
        {doing}
      </p>
      {/* This line is always present, so that a message that appears or disappears moves nothing. */}
      <p className="run__news" data-loud={news?.bad ?? false}>
        {news?.text}
      </p>
      <Road
        steps={state.steps}
        percent={state.percent}
        tone={tone}
        words={roadWords}
        halted={halted}
      />
      <StepList steps={state.steps} />
    </section>
  );
}
