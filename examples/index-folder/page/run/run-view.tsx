import type { OperationView } from "@milepost/client";
import { isFinal } from "@milepost/model";
import { useOperation } from "@milepost/react";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { missedWords } from "../log/missed-entries.ts";
import { RunLog } from "../log/run-log.tsx";
import { ResultPanel } from "../result/result-panel.tsx";
import { Timeline } from "../timeline/timeline.tsx";
import { Announcer } from "./announcer.tsx";
import { useNow } from "./now.ts";
import { RunPanel } from "./run-panel.tsx";
import { usePageTitle } from "./use-page-title.ts";

interface Props {
  readonly id: string;
  /** False while the connection is interrupted. */
  readonly reachable: boolean;
  /** State of the connection, as text for the announcements. */
  readonly connection: string;
  /** True when the user has just started this run, so that it takes the focus. */
  readonly takesFocus: boolean;
  /** Starts a run with the same input. Rejects with a message for the user when it cannot be started. */
  onRunAgain(input: unknown): Promise<void>;
}

const headings = {
  loading: "Loading this run…",
  pending: "Waiting for this run…",
  missing: "This run does not exist",
  error: "This run cannot be shown",
} as const;

function Absent({ view }: { readonly view: Exclude<OperationView, { kind: "ready" }> }) {
  const words: Record<typeof view.kind, ReactNode> = {
    loading: "It appears as soon as the service answers.",
    pending:
      "It has not begun yet, it belongs to another visit, or the service has restarted since. You can start a new one.",
    missing: "The service forgets its runs when it restarts. Start a new one.",
    error: view.kind === "error" ? view.error.message : "",
  };
  return (
    <section className="panel run run--absent" aria-label="Run" data-view={view.kind}>
      <h2 aria-busy={view.kind === "loading"}>{headings[view.kind]}</h2>
      <p className="soft">{words[view.kind]}</p>
    </section>
  );
}

/** Live view of one run, with its log, timeline and result. */
export function RunView({ id, reachable, connection, takesFocus, onRunAgain }: Props) {
  const { view, ...commands } = useOperation(id);
  const state = view.kind === "ready" ? view.state : undefined;
  // Times stand still while no updates arrive, because nobody knows whether the run still works.
  const fresh = state !== undefined && view.kind === "ready" && reachable && !view.stale;
  const now = useNow(fresh && !isFinal(state.status));
  const [problem, setProblem] = useState<string | undefined>();
  const title = useRef<HTMLHeadingElement>(null);
  const arrived = state !== undefined;
  usePageTitle(state);

  useEffect(() => {
    if (!arrived || !takesFocus) return;
    title.current?.focus({ preventScroll: true });
    // On a phone the form fills the screen, so the page scrolls to the whole run and not only to its title.
    title.current?.closest("section")?.scrollIntoView({ block: "nearest" });
  }, [arrived, takesFocus]);

  const runAgain = () => {
    setProblem(undefined);
    onRunAgain(state?.input).catch((error: unknown) =>
      setProblem(error instanceof Error ? error.message : String(error)),
    );
  };

  return (
    <>
      <Announcer state={state} connection={connection} />
      {view.kind === "ready" ? (
        <>
          <RunPanel
            state={view.state}
            now={Math.max(now, view.state.updated_at)}
            reachable={fresh}
            commands={commands}
            titleRef={title}
            problem={problem}
            onRunAgain={runAgain}
          />
          {view.state.status === "done" ? <ResultPanel state={view.state} /> : null}
          <div className="desk__pair">
            <Timeline state={view.state} now={Math.max(now, view.state.updated_at)} />
            <RunLog state={view.state} missed={missedWords(view.missed)} />
          </div>
        </>
      ) : (
        <Absent view={view} />
      )}
    </>
  );
}
