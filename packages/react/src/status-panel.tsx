"use client";
import type { OperationHandle, OperationView } from "@milepost/client";
import { isFinal, type OperationState } from "@milepost/model";
import { type ReactNode, useId, useMemo } from "react";
import { CommandButtons } from "./command-buttons.tsx";
import { ConnectionLight } from "./connection-light.tsx";
import { NotificationList } from "./notification-list.tsx";
import { OperationProgress } from "./operation-progress.tsx";
import { OwnCommands } from "./own-commands.tsx";
import { englishTexts, type PanelTexts } from "./panel-texts.ts";
import { englishPeopleTexts, type PeopleTexts } from "./people-texts.ts";
import { QuestionList } from "./question-list.tsx";
import { LastSign, TimeLeft } from "./time-left.tsx";
import { useClaim } from "./use-claim.ts";
import { useConnection } from "./use-connection.ts";
import { useNow } from "./use-now.ts";
import { useOperation } from "./use-operation.ts";
import { useQuestion } from "./use-question.ts";

/** Props of {@link StatusPanel}: the operation, the parts to show and their texts. */
export type StatusPanelProps = (
  | { readonly operationId: string | null | undefined; readonly operation?: undefined }
  | { readonly operation: OperationHandle | null | undefined; readonly operationId?: undefined }
) & {
  /**
   * Shows the notifications of the user and the session: true always, false never. By default they are shown by the
   * panel below the provider that was mounted first, so that a page with several panels shows each one once.
   */
  readonly notifications?: boolean | undefined;
  /** Shows the state of the connection; the choices and the default are those of `notifications`. */
  readonly connection?: boolean | undefined;
  /** Texts to use instead of the English ones. */
  readonly texts?: Partial<PanelTexts>;
  /** Texts of questions and of the time left to use instead of the English ones. */
  readonly peopleTexts?: Partial<PeopleTexts>;
  readonly className?: string;
};

/**
 * Panel that shows one operation to the people who wait for it: progress, steps, time left, questions, errors, commands,
 * and whether the view is live.
 *
 * Styles come from `@milepost/react/status-panel.css`; every class begins with `mp-`. Screen readers hear of a
 * changed status or step, not of each percent.
 */
export function StatusPanel(props: StatusPanelProps): ReactNode {
  const { className, texts: given } = props;
  const showsConnection = useClaim("connection", props.connection);
  const showsNotifications = useClaim("notifications", props.notifications);
  const texts = useMemo(() => ({ ...englishTexts, ...given }), [given]);
  const { peopleTexts: givenPeople } = props;
  const people = useMemo(() => ({ ...englishPeopleTexts, ...givenPeople }), [givenPeople]);
  const title = useId();
  const operation = props.operation ?? props.operationId;
  const isNamed = operation !== undefined && operation !== null;
  const { view, handle, ...commands } = useOperation(operation);
  const state = view.kind === "ready" ? view.state : undefined;
  // Nothing of work that has ended can change, so it is never out of date.
  const isOld = view.kind === "ready" && view.stale && !isFinal(view.state.status);
  return (
    <section
      className={className === undefined ? "mp-panel" : `mp-panel ${className}`}
      aria-labelledby={title}
      data-view={view.kind}
      data-status={state?.status}
      data-stale={isOld ? "" : undefined}
    >
      <header className="mp-header">
        <h2 id={title} className="mp-title">
          {state?.title ??
            ((typeof operation === "string" ? operation : operation?.id) || texts.untitled)}
        </h2>
        {showsConnection && <ConnectionLight texts={texts} />}
      </header>
      {state === undefined ? (
        <Absence view={view} isNamed={isNamed} texts={texts} />
      ) : (
        <>
          <StatusLine state={state} texts={texts} />
          {isOld && <p className="mp-note">{texts.stale}</p>}
          <DegradedNote texts={texts} />
          <OperationProgress state={state} texts={texts} />
          <TimeLeft state={state} texts={people} />
          <LastSign state={state} texts={people} />
          {(state.questions ?? []).length > 0 && <Questions id={state.id} texts={people} />}
          <Ending state={state} />
          <CommandButtons state={state} commands={commands} texts={texts} />
          <OwnCommands state={state} handle={handle} texts={texts} people={people} />
        </>
      )}
      <Announcement view={view} texts={texts} />
      {showsNotifications && <NotificationList texts={texts} />}
    </section>
  );
}

interface PartProps {
  readonly state: OperationState;
  readonly texts: PanelTexts;
}

function StatusLine({ state, texts }: PartProps): ReactNode {
  const { warning, error } = state.log_counts;
  const stalled = state.status === "stalled";
  const now = useNow(stalled);
  const silentMs = now - (state.silent_since ?? state.updated_at);
  const silentSeconds = Math.max(0, Math.floor(silentMs / 1_000));
  return (
    <p className="mp-status-line">
      <span className="mp-badge mp-status" data-status={state.status}>
        {texts.status[state.status]}
      </span>
      {state.attempt > 1 && <span className="mp-badge">{texts.attempt(state.attempt)}</span>}
      {warning > 0 && (
        <span className="mp-badge" data-level="warning">
          {texts.warnings(warning)}
        </span>
      )}
      {error > 0 && (
        <span className="mp-badge" data-level="error">
          {texts.errors(error)}
        </span>
      )}
      {stalled && <span className="mp-silence">{texts.silence(silentSeconds)}</span>}
    </p>
  );
}

/** Questions of the operation, which are asked for only where there are some. */
function Questions({ id, texts }: { readonly id: string; readonly texts: PeopleTexts }): ReactNode {
  return <QuestionList used={useQuestion(id)} texts={texts} />;
}

function DegradedNote({ texts }: { readonly texts: PanelTexts }): ReactNode {
  const degraded = useConnection(({ state }) => state.state === "connected" && state.degraded);
  return degraded && <p className="mp-note">{texts.degraded}</p>;
}

/** Error of a failed operation, or the reason of a cancelled or paused one. */
function Ending({ state }: { readonly state: OperationState }): ReactNode {
  if (state.status === "failed" && state.error !== undefined) {
    return <p className="mp-error">{state.error.message}</p>;
  }
  const rests = state.status === "cancelled" || state.status === "paused";
  return rests && state.reason !== undefined && <p className="mp-note">{state.reason}</p>;
}

/** Text that stands in for the operation's state while there is none. */
function Absence({
  view,
  isNamed,
  texts,
}: {
  readonly view: OperationView;
  readonly isNamed: boolean;
  readonly texts: PanelTexts;
}): ReactNode {
  const isConnected = useConnection(({ state }) => state.state === "connected");
  return (
    <p className="mp-absence">{isNamed ? absence(view, isConnected, texts) : texts.nothing}</p>
  );
}

function absence(view: OperationView, isConnected: boolean, texts: PanelTexts): string | undefined {
  switch (view.kind) {
    case "loading":
      return isConnected ? texts.loading : texts.offline;
    case "missing":
      return texts.missing;
    case "pending":
      return texts.pending;
    case "error":
      return texts.failedToLoad(view.error.message);
    case "ready":
      return undefined;
  }
}

/**
 * Renders a text for screen readers only. It changes only with the status, the current step and an error, so
 * that screen readers do not announce every percentage.
 */
function Announcement({
  view,
  texts,
}: {
  readonly view: OperationView;
  readonly texts: PanelTexts;
}): ReactNode {
  const parts: (string | undefined)[] = [];
  if (view.kind === "ready") {
    const { status, steps, current_step, error, title } = view.state;
    parts.push(`${title}: ${texts.status[status]}`);
    parts.push(
      status === "running" ? steps.find(({ id }) => id === current_step)?.title : undefined,
    );
    parts.push(status === "failed" ? error?.message : undefined);
  }
  return (
    <p className="mp-hidden" role="status">
      {parts.filter((part) => part !== undefined).join(", ")}
    </p>
  );
}
