import { eventBounds, type Notification } from "@milepost/model";
import { compact, integerIn, messageBounds, oneOf, type Parsed, textOf } from "@milepost/protocol";
import { readInput } from "../input/input.ts";

const levels = ["info", "success", "warning", "error"] as const;
const idLength = 128;

/** Validates a notification that a service has sent. The level defaults to `info`. */
export function readNotification(
  value: unknown,
): Parsed<Omit<Notification, "id"> & { readonly id?: string }> {
  return readInput(value, (fields) =>
    compact({
      id: fields.optional("id", textOf(idLength)),
      level: fields.optional("level", oneOf(levels)) ?? "info",
      title: fields.optional("title", textOf(eventBounds.title)),
      message: fields.required("message", textOf(eventBounds.message)),
      ttl_ms: fields.optional("ttl_ms", integerIn(1, messageBounds.ttlMs)),
    }),
  );
}
