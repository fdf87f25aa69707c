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
  const operationId = data.operation?.id ?? data.operation_id;
  return JSON.stringify({
    specversion: "1.0",
    id,
    source: "milepost",
    type: types[kind],
    ...(operationId === undefined ? {} : { subject: `operation:${operationId}` }),
    time: new Date(at).toISOString(),
    datacontenttype: "application/json",
    data: { user_id: user, ...data },
  });
}

/** Returns a thing as the message of a push: small, since push services take about 4 KB. */
export function pushMessageOf(thing: Thing): string {
  const { id, kind, at, title, message, operation, question, item } = thing;
  const operationId = operation?.id ?? thing.operation_id;
  return JSON.stringify({
    id,
    kind,
    at,
    title,
    ...(message === undefined ? {} : { message }),
    ...(operationId === undefined ? {} : { operation_id: operationId }),
    ...(operation === undefined ? {} : { operation_kind: operation.kind }),
    ...(question === undefined ? {} : { question_id: question }),
    ...(item === undefined ? {} : { item_id: item }),
  });
}
