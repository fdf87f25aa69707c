import type { SeenReport } from "@milepost/model";
import type { Method } from "./method-services.ts";
import { ownId } from "./own-id.ts";

/** Method `digest.get {}`: returns what has happened since the caller's last position. */
export const getDigest: Method = async ({ digests }, principal) =>
  digests.get(principal, ownId(principal, "a digest"));

/** Method `digest.seen {now?, at?, positions?}`: moves the caller's last position forward. */
export const reportSeen: Method = async ({ digests }, principal, params) =>
  // The digest service reads and checks every field.
  digests.seen(principal, ownId(principal, "a digest"), params as SeenReport);
