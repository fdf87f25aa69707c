import { findLoss, isRecord, MilepostError } from "@milepost/protocol";
import { isMember } from "./permissions.ts";
import type { Principal } from "./principal.ts";
import type { ResolvedChannel } from "./rule-book.ts";

/** Role that readers assume where an event names none. */
const assumedRoles: Readonly<Record<string, string>> = {
  chat_message: "user",
  chat_message_chunk: "assistant",
};

/**
 * Throws `forbidden` unless the channel's rule lets the publisher speak in the role that the data of a chat event name.
 * Throws `bad_message` for data that readers could understand in two ways. A service may speak in every role.
 */
export function requireRole(
  resolved: ResolvedChannel,
  publisher: Principal,
  event: string,
  json: string,
): void {
  const { roles } = resolved.rule;
  if (roles === undefined || publisher.kind === "service") return;
  if (!Object.hasOwn(assumedRoles, event)) return;
  const loss = findLoss(json, "data");
  if (loss !== undefined) throw new MilepostError("bad_message", loss);
  const data: unknown = JSON.parse(json);
  const named = isRecord(data) ? data.role : undefined;
  const role = typeof named === "string" ? named : (assumedRoles[event] ?? "");
  const access = Object.hasOwn(roles, role) ? roles[role] : roles["*"];
  if (access !== undefined && isMember(access, publisher, resolved)) return;
  throw new MilepostError(
    "forbidden",
    `the credential may not speak as ${JSON.stringify(role.slice(0, 40))}; send data.role "user", or let the channel's rule name who may in roles`,
  );
}
