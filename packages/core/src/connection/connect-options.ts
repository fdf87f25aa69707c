import type { Cursor } from "@milepost/protocol";
import type { Principal } from "../rules/principal.ts";

/**
 * Options of a new connection: its credential, the connection it replaces, channels to subscribe to, and
 * positions to resume from.
 */
export interface ConnectOptions {
  /** Verified credential; when absent, the first message must be `auth`. */
  readonly principal?: Principal;
  /**
   * Id of the connection, of its reserved slot. When absent, the connection takes a slot of this node at once,
   * or is refused.
   */
  readonly reservedId?: string;
  /** Id of the connection that this one replaces. */
  readonly connectionId?: string;
  /** True if this connection is to take over later from another one of the same client. */
  readonly upgrades?: boolean;
  /** Channels to subscribe to at once. */
  readonly channels?: readonly string[];
  /**
   * Subscription of the client to its personal channels as well: `always`, or `bare` for a client that asked for
   * nothing, unless it resumes other channels. Default: none.
   */
  readonly personal?: "bare" | "always";
  /** Positions to resume from, by channel. Channels named here need not be listed in `channels`. */
  readonly resume?: Cursor;
  /**
   * Publisher's own id of the last event that the client received, in place of `resume`. Only personal channels continue
   * there.
   */
  readonly resumeAfter?: string;
}
