import type { Cursor } from "@milepost/protocol";
import type { UserPrincipal } from "../rules/principal.ts";

/** Requests of a connect besides the socket itself: credential, channels and resume position. */
export interface ConnectOptions {
  /** Verified credential; when absent, the first message must be `auth`. */
  readonly principal?: UserPrincipal;
  /** Id of the connection that this one replaces. */
  readonly connectionId?: string;
  /** Channels to subscribe to at once. */
  readonly channels?: readonly string[];
  /** Positions to resume from. */
  readonly resume?: Cursor;
}
