import type { ConnectPlan } from "../generator/connect-plan.ts";
import type { Payload } from "../payload.ts";

/** Server under test. It listens on 127.0.0.1 and has one channel that all readers receive. */
export interface Target {
  readonly plan: ConnectPlan;
  /** Publishes the payloads of one tick to every subscriber, in order. Throws when publishing fails. */
  publish(payloads: readonly Payload[]): void;
  /**
   * Returns the latest cursors to resume from, each with the number of the last publication before it; absent
   * when the target has no resume.
   */
  cursors?(): readonly { readonly seq: number; readonly cursor: string }[];
  /** Closes the server and its connections. */
  close(): Promise<void>;
}
