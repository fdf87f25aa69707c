import type { OperationState } from "@milepost/model";

/** Name under which dead letters of things that reached nobody are kept. */
export const reachPublisher = "gateway:reach";

/** Kinds of things about which a user who is away gets messages. */
export const reachKinds = ["done", "failed", "slow", "question", "notification"] as const;

/** Kind of a thing. `failed` includes operations that were lost. */
export type ReachKind = (typeof reachKinds)[number];

/** Operation of a thing, as a target sees it. */
export interface ThingOperation {
  readonly id: string;
  readonly kind: string;
  readonly title: string;
  readonly status: string;
  readonly attempt: number;
  readonly percent: number;
}

/** Thing that happened and about which the gateway sends messages to a user who is away. */
export interface Thing {
  /** Id of the thing, the same on every node; each target gets one message with it. */
  readonly id: string;
  readonly kind: ReachKind;
  readonly user: string;
  /** Time at which it happened, in milliseconds since 1970. */
  readonly at: number;
  /** Text for people: the title of the operation or notification, or the question. */
  readonly title: string;
  /** Further text: what failed, or the text of the notification. */
  readonly message?: string;
  readonly operation?: ThingOperation;
  /** Id of the operation that asks. */
  readonly operation_id?: string;
  /** Id of the question. */
  readonly question?: string;
  /** Id of the item of the user's inbox. */
  readonly item?: string;
}

/** Longest text of a thing that targets receive, in characters. */
const maxTextLength = 500;

/** Returns what an operation's end tells; undefined while it has not ended, was cancelled, or has no user. */
export function endOf(state: OperationState): Thing | undefined {
  const { id, user_id: user, status, attempt, error } = state;
  if (user === undefined) return undefined;
  const kind = status === "done" ? "done" : isFailure(status) ? "failed" : undefined;
  if (kind === undefined) return undefined;
  const message = error?.message ?? state.message;
  return {
    id: `${kind}:${id}:${attempt}`,
    kind,
    user,
    at: state.ended_at ?? state.updated_at,
    title: shortened(state.title),
    ...(message === undefined ? {} : { message: shortened(message) }),
    operation: operationOf(state),
  };
}

/** Returns what is told of an operation that takes longer than a target waits for; undefined if it has no user. */
export function slowness(state: OperationState): Thing | undefined {
  const { id, user_id: user, attempt, message } = state;
  if (user === undefined) return undefined;
  return {
    id: `slow:${id}:${attempt}`,
    kind: "slow",
    user,
    at: state.updated_at,
    title: shortened(state.title),
    ...(message === undefined ? {} : { message: shortened(message) }),
    operation: operationOf(state),
  };
}

/** Cuts a text to what targets receive. */
export function shortened(text: string): string {
  if (text.length <= maxTextLength) return text;
  // Half of a surrogate pair is no text.
  return `${text.slice(0, maxTextLength - 1).replace(/[\ud800-\udbff]$/, "")}…`;
}

function isFailure(status: OperationState["status"]): boolean {
  return status === "failed" || status === "lost";
}

function operationOf({
  id,
  kind,
  title,
  status,
  attempt,
  percent,
}: OperationState): ThingOperation {
  return { id, kind, title: shortened(title), status, attempt, percent };
}
