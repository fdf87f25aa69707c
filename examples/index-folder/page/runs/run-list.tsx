import "./runs.css";
import type { OperationListView } from "@milepost/client";
import type { OperationSummary } from "@milepost/model";
import { StatusBadge } from "../run/status-badge.tsx";
import { statusWords } from "../run/status-words.ts";
import { count, wholePercent } from "../words/count.ts";
import { timeOfDay } from "../words/duration.ts";

function RunLink({ run, current }: { readonly run: OperationSummary; readonly current: boolean }) {
  return (
    <li>
      <a
        className="runs__link"
        href={`#run=${encodeURIComponent(run.operation_id)}`}
        aria-current={current ? "true" : undefined}
        data-operation={run.operation_id}
        data-tone={statusWords[run.status].tone}
      >
        <span className="runs__title">{run.title}</span>
        <span className="runs__line">
          <StatusBadge status={run.status} />
          <span className="runs__percent">{wholePercent(run.percent)} %</span>
        </span>
        <span className="runs__line soft">
          <time dateTime={new Date(run.created_at).toISOString()}>{timeOfDay(run.created_at)}</time>
          {run.warnings + run.errors > 0 ? (
            <span>
              {run.warnings > 0 ? `${count(run.warnings)} warn.` : ""}
              {run.warnings > 0 && run.errors > 0 ? ", " : ""}
              {run.errors > 0 ? `${count(run.errors)} err.` : ""}
            </span>
          ) : null}
        </span>
      </a>
    </li>
  );
}

interface Props {
  readonly view: OperationListView;
  readonly selected: string | undefined;
}

/**
 * List of all runs of this visit, newest first. Each is a link, so that it can be opened in a tab of its own.
 */
export function RunList({ view, selected }: Props) {
  return (
    <nav className="panel runs" aria-label="Runs of this session">
      <div className="panel__head">
        <h2>Runs of this session</h2>
      </div>
      {view.kind === "ready" && view.operations.length > 0 ? (
        <ul className="runs__list">
          {view.operations.map((run) => (
            <RunLink key={run.operation_id} run={run} current={run.operation_id === selected} />
          ))}
        </ul>
      ) : (
        <p className="runs__empty soft small">
          {view.kind === "loading"
            ? "Loading your runs…"
            : view.kind === "error"
              ? `The runs cannot be shown: ${view.error.message}`
              : "None yet. The runs you start stay here while the service runs."}
        </p>
      )}
    </nav>
  );
}
