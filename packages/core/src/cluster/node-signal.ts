import { isRecord } from "@milepost/protocol";
import type { CountedOwner } from "../limits/connection-probe.ts";
import { type QueueSignal, readQueueSignal } from "../queues/queue-signals.ts";

/** Connections that a command applies to: one connection, or all connections of a user, a session or a node. */
export type ConnectionTarget =
  | { readonly connection: string }
  | { readonly user: string }
  | { readonly session: string }
  /** All connections of the node with this name. */
  | { readonly node: string };

/** Signal that one node sends to others. */
export type NodeSignal =
  /** Tells a node that a queue has changed. */
  | QueueSignal
  /** Tells a node that the store has a new revocation to read. */
  | { readonly kind: "revoked" }
  /** Tells a node that the end or the user of a session has changed. */
  | { readonly kind: "session"; readonly session: string }
  /** Tells a node to drop the target's connections whose clients do not show within 2 s that they are alive. */
  | { readonly kind: "probe"; readonly target: CountedOwner }
  /** Tells a node that a connection of this person continues at another node. */
  | {
      readonly kind: "replace";
      readonly connection: string;
      /** Name of the node at which it continues. */
      readonly by: string;
      readonly user?: string;
      readonly session?: string;
    }
  /** Asks nodes whether a page of a user is visible there. */
  | { readonly kind: "who-sees"; readonly user: string; readonly by: string }
  /** Tells a node that asked that a page of a user is visible. */
  | { readonly kind: "seen"; readonly user: string }
  /** Tells a node to close the target's connections for good. */
  | { readonly kind: "disconnect"; readonly target: ConnectionTarget; readonly reason: string }
  /** Takes a node out of service or back into it; its clients are asked to reconnect within `maxMs` milliseconds. */
  | {
      readonly kind: "drain";
      readonly node: string;
      readonly isOn: boolean;
      readonly maxMs: number;
    }
  /** Tells a node to ask the target's clients to reconnect, `minMs` to `maxMs` milliseconds from now. */
  | {
      readonly kind: "move";
      readonly target: ConnectionTarget;
      readonly minMs: number;
      readonly maxMs: number;
    };

/**
 * Parses a signal from another node, which may run another version. Returns undefined for a signal that this
 * version does not know.
 */
export function readNodeSignal(value: unknown): NodeSignal | undefined {
  if (!isRecord(value)) return undefined;
  const { kind, target, reason, minMs, maxMs } = value;
  if (kind === "revoked") return { kind };
  if (kind === "queue") return readQueueSignal(value);
  if (kind === "session") {
    return typeof value.session === "string" ? { kind, session: value.session } : undefined;
  }
  if (kind === "replace") return readReplace(value);
  if (kind === "drain") {
    const { node, isOn } = value;
    return typeof node === "string" && typeof isOn === "boolean" && typeof maxMs === "number"
      ? { kind, node, isOn, maxMs }
      : undefined;
  }
  if (kind === "who-sees" || kind === "seen") {
    const { user, by } = value;
    if (typeof user !== "string") return undefined;
    if (kind === "seen") return { kind, user };
    return typeof by === "string" ? { kind, user, by } : undefined;
  }
  const to = readTarget(target);
  if (to === undefined) return undefined;
  if (kind === "probe") {
    return "user" in to || "session" in to ? { kind, target: to } : undefined;
  }
  if (kind === "disconnect" && typeof reason === "string") return { kind, target: to, reason };
  if (kind === "move" && typeof minMs === "number" && typeof maxMs === "number") {
    return { kind, target: to, minMs, maxMs };
  }
  return undefined;
}

function readReplace(value: Record<string, unknown>): NodeSignal | undefined {
  const { connection, by, user, session } = value;
  if (typeof connection !== "string" || typeof by !== "string") return undefined;
  return {
    kind: "replace",
    connection,
    by,
    ...(typeof user === "string" && { user }),
    ...(typeof session === "string" && { session }),
  };
}

function readTarget(value: unknown): ConnectionTarget | undefined {
  if (!isRecord(value)) return undefined;
  const { connection, user, session, node } = value;
  if (typeof connection === "string") return { connection };
  if (typeof user === "string") return { user };
  if (typeof session === "string") return { session };
  return typeof node === "string" ? { node } : undefined;
}
