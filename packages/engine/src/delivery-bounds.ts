import { MilepostError } from "@milepost/protocol";
import { maxDeliveryContent, maxDeliveryId } from "./ports/deliveries.ts";
import { maxTargetName, maxTargetValue, type Target } from "./ports/targets.ts";

/** Throws `bad_message` for a delivery that is longer than a store takes. */
export function requireDeliveryFits(id: string, content = ""): void {
  if (id.length <= maxDeliveryId && content.length <= maxDeliveryContent) return;
  throw new MilepostError(
    "bad_message",
    `a delivery has an id of at most ${maxDeliveryId} characters and a content of at most ${maxDeliveryContent}`,
  );
}

/** Throws `bad_message` for a target that is longer than a store takes. */
export function requireTargetFits(owner: string, { id, value }: Target): void {
  const isShort = owner.length <= maxTargetName && id.length <= maxTargetName;
  if (isShort && value.length <= maxTargetValue) return;
  throw new MilepostError(
    "bad_message",
    `a target has an owner and an id of at most ${maxTargetName} characters, and a value of at most ${maxTargetValue}`,
  );
}

/** Returns the error for a delivery that finds as many others waiting as may wait. */
export function tooManyDeliveries(): MilepostError {
  return new MilepostError(
    "rate_limited",
    "too many deliveries to people who are away wait already; look at the targets that fail, or try again later",
  );
}
