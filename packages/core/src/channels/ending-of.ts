import { formatPosition, type Publication } from "@milepost/protocol";
import type { Ending } from "./channels-api.ts";

/** Converts the end entry of a channel to the form that HTTP clients receive. */
export function endingOf({ position, json, ts }: Publication): Ending {
  const { reason } = JSON.parse(json) as { readonly reason: string };
  return { position: formatPosition(position), reason, ts };
}
