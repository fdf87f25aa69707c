import type { Digest, SeenReport, SeenUpTo } from "@milepost/model";
import type { Principal } from "../rules/principal.ts";

/** Digests of what has happened while a person was away. */
export interface Digests {
  /**
   * Returns what has happened in a user's operations and channel since the user's last position. Rejects with `forbidden`
   * unless the principal is that user or a service with the scope `inbox`, as `seen` does.
   */
  get(principal: Principal, user: string): Promise<Digest>;
  /** Moves a user's last position forward, and never back. Repeating it is harmless. */
  seen(principal: Principal, user: string, input: SeenReport): Promise<SeenUpTo>;
}
