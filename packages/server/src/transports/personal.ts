import { type Parsed, parsed, refused } from "@milepost/protocol";

/** Whether the client of a connect receives its personal channels, see `ConnectOptions`; empty if not. */
export interface PersonalChoice {
  readonly personal?: "bare" | "always";
}

/**
 * Reads the query parameter `personal`. Without it, a client that asks for nothing in the plain dialect is a bare one,
 * which receives its personal channels.
 */
export function readPersonal(
  personal: string | null | undefined,
  isBare: boolean,
): Parsed<PersonalChoice> {
  if (personal === "1") return parsed({ personal: "always" });
  if (personal === "0") return parsed({});
  if (personal !== null && personal !== undefined) {
    return refused("bad_message", "personal must be 0 or 1");
  }
  return parsed(isBare ? { personal: "bare" } : {});
}
