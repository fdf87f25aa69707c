import type { IncomingMessage } from "node:http";
import { isChannelSegment } from "@milepost/protocol";
import { Refusal } from "./http-answer.ts";

/**
 * Returns the guest that a request names in `X-User-Id`, as `guest:{id}`. The header is what the page says, so it can
 * only ever mean a guest: whoever needs to be a user shows a token instead. Throws a {@link Refusal} without the header.
 */
export function guestOf({ headers }: IncomingMessage): string {
  const given = headers["x-user-id"];
  const id = typeof given === "string" ? given.replace(/^guest:/, "") : "";
  if (isChannelSegment(id) && id.length <= 120) return `guest:${id}`;
  throw new Refusal(
    400,
    "the header X-User-Id must have the visitor's id: letters, digits, '_', '.', '-'",
  );
}
