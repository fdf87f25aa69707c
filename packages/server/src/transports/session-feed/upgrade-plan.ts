import { type Parsed, parsed } from "@milepost/protocol";
import {
  type Handshake,
  invalidSegment,
  readHandshake,
  segmentsOf,
  splitUrl,
  type UpgradeRequest,
} from "../websocket/handshake.ts";

/** Content of an upgrade request for a session's feed. */
export interface FeedPlan extends Handshake {
  readonly session: string;
}

/** True for `/ws/progress/{session_id}`, whether or not the session id is valid. */
export function isFeedPath(path: string): boolean {
  if (!path.startsWith("/ws/")) return false;
  const segments = segmentsOf(path);
  return segments.length === 2 && segments[0] === "progress";
}

/**
 * Reads an upgrade request whose path is a session feed's. Pure; a refusal is answered by HTTP without an
 * upgrade.
 */
export function planFeedUpgrade(
  request: UpgradeRequest,
  options: { readonly tokenInQuery: boolean },
): Parsed<FeedPlan> {
  const { path, search } = splitUrl(request.url);
  const [, session] = segmentsOf(path);
  // A text that no session can have as its id is refused with the code of the feed, like that of an unknown session.
  if (session === undefined || session === "") return invalidSegment();
  const handshake = readHandshake(request, search, options);
  if (!handshake.ok) return handshake;
  const { credential, ...rest } = handshake.value.handshake;
  // Without any other credential, the path itself may be one.
  const own = { kind: "session", credential: session } as const;
  return parsed({ ...rest, credential: credential.kind === "none" ? own : credential, session });
}
