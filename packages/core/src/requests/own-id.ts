import { MilepostError } from "@milepost/protocol";
import type { Principal } from "../rules/principal.ts";

/** Returns the id of the caller, whose thing it is; throws `forbidden` for a caller without a user. */
export function ownId(principal: Principal, thing: string): string {
  if (principal.kind === "user" && principal.user !== undefined) return principal.user;
  throw new MilepostError("forbidden", `only a user has ${thing}; connect with a token of a user`);
}
