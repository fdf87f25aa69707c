import type {
  OperationState,
  OperationSummary,
  PrivateSummaryField,
  SharedSummary,
} from "./operation-state.ts";
import { openQuestions } from "./question.ts";

/** Returns the summary of an operation that lists show. */
export function summarise(state: OperationState): OperationSummary {
  const { id, kind, title, session_id, user_id, status, attempt, percent } = state;
  const { collection_id, belongs_to, parent, weight, tags, children } = state;
  const { message, current_step, waiting, error, log_counts } = state;
  const open = openQuestions(state).length;
  const { created_at, started_at, ended_at, updated_at } = state;
  return {
    operation_id: id,
    kind,
    title,
    ...(session_id === undefined ? {} : { session_id }),
    ...(user_id === undefined ? {} : { user_id }),
    ...(collection_id === undefined ? {} : { collection_id }),
    ...(belongs_to === undefined ? {} : { belongs_to }),
    ...(parent === undefined ? {} : { parent }),
    ...(weight === undefined ? {} : { weight }),
    ...(tags === undefined ? {} : { tags }),
    ...(children === undefined
      ? {}
      : {
          children: {
            total: children.total,
            done: children.statuses.done ?? 0,
            failed: children.statuses.failed ?? 0,
          },
        }),
    status,
    attempt,
    percent,
    ...(message === undefined ? {} : { message }),
    ...(current_step === undefined ? {} : { current_step }),
    ...(waiting === undefined ? {} : { waiting }),
    ...(open === 0 ? {} : { open_questions: open }),
    warnings: log_counts.warning,
    errors: log_counts.error,
    ...(error === undefined ? {} : { error }),
    created_at,
    ...(started_at === undefined ? {} : { started_at }),
    ...(ended_at === undefined ? {} : { ended_at }),
    updated_at,
  };
}

/** Returns a summary as readers of a channel that the operation belongs to receive it, with the private fields `shown`. */
export function sharedSummary(
  { user_id, session_id, error, ...rest }: OperationSummary,
  shown: readonly PrivateSummaryField[] = [],
): SharedSummary {
  const { message, ...known } = error ?? {};
  return {
    ...rest,
    ...(user_id !== undefined && shown.includes("user_id") ? { user_id } : {}),
    ...(session_id !== undefined && shown.includes("session_id") ? { session_id } : {}),
    ...(error === undefined
      ? {}
      : { error: shown.includes("error") ? error : (known as typeof error) }),
  };
}

/**
 * True if a change must be published as a summary: the status, attempt, step, queue position, whole percent or
 * number of open questions differs.
 */
export function summaryChanged(before: OperationState | undefined, after: OperationState): boolean {
  return (
    before === undefined ||
    before.status !== after.status ||
    before.attempt !== after.attempt ||
    before.current_step !== after.current_step ||
    before.waiting?.position !== after.waiting?.position ||
    openQuestions(before).length !== openQuestions(after).length ||
    Math.floor(before.percent) !== Math.floor(after.percent)
  );
}
