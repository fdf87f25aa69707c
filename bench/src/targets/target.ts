import type { ConnectPlan } from "../generator/connect-plan.ts";
import type { Payload } from "../payload.ts";

/** A server under test, listening on 127.0.0.1 with one channel that everybody hears. */
export interface Target {
  readonly plan: ConnectPlan;
  /** Publishes what is due in this tick to every subscriber, in order. Throws when it cannot. */
  publish(payloads: readonly Payload[]): void;
  /** What a reader that comes back names who was last given publication `seq`, for the latest of them; absent where there is no resume. */
  cursors?(): readonly { readonly seq: number; readonly cursor: string }[];
  /** Ends the server and its connections. */
  close(): Promise<void>;
}
