import type { Access, ChannelExplanation } from "@milepost/server";

type Captures = ChannelExplanation["captures"];

/** Returns, in words, who has an access to a channel with these captures. */
export function who(access: Access, captures: Captures): string {
  if (access === "nobody") return "nobody but the gateway itself";
  const people = words(access, captures);
  const grants = includes(access, "granted") ? "" : ", and users whose token grants it";
  if (access === "anyone" || access === "authenticated") return `${people}, and services`;
  if (access === "granted") return `${people}, and services`;
  return grants === "" ? `${people}, and services` : `${people}, services${grants}`;
}

function words(access: Access, captures: Captures): string {
  if (Array.isArray(access)) return access.map((part) => words(part, captures)).join(" or ");
  if (typeof access === "object" && "all" in access) {
    return `those who are all of: ${access.all.map((part) => words(part, captures)).join(" and ")}`;
  }
  if (typeof access === "object" && "claim" in access) {
    const values = access.in ?? [access.equals];
    return `tokens whose claim ${access.claim} is ${values.map((value) => JSON.stringify(value)).join(" or ")}`;
  }
  switch (access) {
    case "anyone":
      return "everyone with a credential and every guest";
    case "authenticated":
      return "everyone with a credential";
    case "guests":
      return "guests";
    case "granted":
      return "users whose token grants it";
    case "own-user":
      return `user ${captures.user}`;
    case "own-session":
      return `session ${captures.session}`;
    case "own-guest":
      return `guest ${captures.guest}`;
    case "own-connection":
      return `connection ${captures.connection}`;
    case "operation-owner":
      return `the user and the session of operation ${captures.operation}`;
    default:
      return "nobody";
  }
}

function includes(access: Access, name: string): boolean {
  if (access === name) return true;
  return Array.isArray(access) && access.some((part: Access) => includes(part, name));
}
