import {
  compact,
  type Fields,
  identifierOf,
  integerIn,
  messageBounds,
  oneOf,
  textOf,
} from "@milepost/protocol";
import type { NotificationData } from "./notification.ts";
import { eventBounds } from "./parse-operation-event.ts";
import { schemaOfFields } from "./reader-schema.ts";

const readLevel = oneOf(["info", "success", "warning", "error"]);

/** Maximum length of a notification's id, in characters. */
const idLength = 128;

/** Reads the fields of a published notification. */
export function readNotificationFields(fields: Fields): NotificationData {
  const level = fields.optional("level", readLevel);
  return compact({
    id: fields.optional("id", identifierOf(idLength)),
    // Next to a level, `type` is a field of the application.
    level: level ?? fields.optional("type", readLevel),
    title: fields.optional("title", textOf(eventBounds.title)),
    message: fields.required("message", textOf(eventBounds.message)),
    ttl_ms: fields.optional("ttl_ms", integerIn(1, messageBounds.ttlMs)),
  });
}

/**
 * Schema for the data of a `notification`. A page could not show data that do not match, so nobody would notice that
 * they were wrong.
 */
export const notificationSchema = schemaOfFields(readNotificationFields);
