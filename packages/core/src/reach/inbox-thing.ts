import { encodeId, isRecord } from "@milepost/protocol";
import type { InboxNews } from "../inbox/inbox-api.ts";
import { shortened, type Thing } from "./thing.ts";

/**
 * Returns what an item of an inbox tells. An item that comes back from its snooze is another thing than before.
 *
 * The text of a question that is private stays in the inbox; only the title of its operation is told.
 */
export function thingOfItem({ user, item, isBack }: InboxNews): Thing {
  const { id, kind, at, place } = item;
  const data = isRecord(item.data) ? item.data : {};
  const text = (name: string) => {
    const value = data[name];
    return typeof value === "string" && value !== "" ? shortened(value) : undefined;
  };
  const asked = data.private === true ? undefined : text("prompt");
  const message = kind === "question" ? asked : text("message");
  const title = text("title") ?? (kind === "question" ? "Question" : "Notification");
  const operation = text("operation_id");
  return {
    id: `${kind}:${encodeId(user)}:${id}${isBack ? `:${place}` : ""}`,
    kind,
    user,
    at,
    title,
    ...(message === undefined ? {} : { message }),
    item: id,
    ...(kind === "question" ? { question: id } : {}),
    ...(operation === undefined ? {} : { operation_id: operation }),
  };
}
