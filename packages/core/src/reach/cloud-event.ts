import type { ReachKind, Thing } from "./thing.ts";

/** Types of the CloudEvents, by the kind of the thing. */
const types: Readonly<Record<ReachKind, string>> = {
  done: "milepost.operation.done",
  failed: "milepost.operation.failed",
  slow: "milepost.operation.slow",
  question: "milepost.question.asked",
  notification: "milepost.notification",
};

/** Returns a thing as a CloudEvent (version 1.0, JSON in structured mode). */
export function cloudEventOf({ id, kind, user, at, ...data }: Thing): string {
  return JSON.stringify({
    specversion: "1.0",
    id,
    source: "milepost",
    type: types[kind],
    ...(data.operation === undefined ? {} : { subject: `operation:${data.operation.id}` }),
    time: new Date(at).toISOString(),
    datacontenttype: "application/json",
    data: { user_id: user, ...data },
  });
}

/** Returns a thing as the message of a push: small, since push services take about 4 KB. */
export function pushMessageOf(thing: Thing): string {
  const { id, kind, at, title, message, operation, question, item } = thing;
  return JSON.stringify({
    id,
    kind,
    at,
    title,
    ...(message === undefined ? {} : { message }),
    ...(operation === undefined
      ? {}
      : { operation_id: operation.id, operation_kind: operation.kind }),
    ...(question === undefined ? {} : { question_id: question }),
    ...(item === undefined ? {} : { item_id: item }),
  });
}
