import type { IdClaim } from "@milepost/engine";
import { findLoss, isEnvelope, isRecord, JsonText, MilepostError } from "@milepost/protocol";
import { fieldAt } from "./claims.ts";
import type { Principal } from "./principal.ts";
import type { Rule } from "./rule.ts";

const maxIdLength = 200;

/** Entry that is about to be published. */
export interface Unclaimed {
  readonly event: string;
  readonly json: string;
  /** Data as the publisher gave them. */
  readonly data: unknown;
}

/**
 * Returns the claim of the id in an event's data, where the rule binds the ids of the event to their authors; otherwise
 * undefined.
 *
 * Throws `invalid_data` for an id that is no text or whole number, or is too long, and where a text stream has none. Throws
 * `bad_message` for data that readers could understand in two ways.
 */
export function idClaim(
  { bindIds, projection }: Pick<Rule, "bindIds" | "projection">,
  publisher: Principal,
  { event, json, data }: Unclaimed,
): IdClaim | undefined {
  if (bindIds === undefined) return undefined;
  const bound = Object.hasOwn(bindIds, event) ? bindIds[event] : bindIds["*"];
  if (bound === undefined) return undefined;
  // Data from JavaScript's own values have each field once.
  const loss = data instanceof JsonText ? findLoss(json, "data") : undefined;
  if (loss !== undefined) throw new MilepostError("bad_message", loss);
  const id = idIn(typeof bound === "string" ? [bound] : bound, event, json);
  if (id === undefined && projection?.name === "text") {
    throw new MilepostError(
      "invalid_data",
      `the data of ${event} must have ${typeof bound === "string" ? bound : bound.join(" or ")}, because the channel's rule binds texts to their authors`,
    );
  }
  if (publisher.kind !== "service") return { id };
  // An id that begins with @ belongs to whoever published at that offset, so a service does not take it either.
  return id?.startsWith("@") ? undefined : { id, anyOwner: true };
}

function idIn(fields: readonly string[], event: string, json: string): string | undefined {
  const data: unknown = JSON.parse(json);
  if (isEnvelope(data)) {
    throw new MilepostError(
      "invalid_data",
      `the data of ${event} are encrypted as a whole, so nobody can check whose id they have; encrypt single fields`,
    );
  }
  let id: string | undefined;
  for (const field of fields) {
    const value = isRecord(data) ? fieldAt(data, field) : undefined;
    if (value === undefined || value === null || value === "") continue;
    const text = Number.isSafeInteger(value) ? String(value) : value;
    if (typeof text !== "string" || text.length > maxIdLength) {
      throw new MilepostError(
        "invalid_data",
        `the data of ${event} do not match the channel's rule: ${field} must be a text of at most ${maxIdLength} characters or a whole number`,
      );
    }
    if (id !== undefined && id !== text) {
      throw new MilepostError(
        "bad_message",
        `the data of ${event} have different ids in ${fields.join(" and ")}; send one of them`,
      );
    }
    id = text;
  }
  return id;
}
