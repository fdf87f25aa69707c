import { isRecord } from "@milepost/protocol";

/** Whose connections are meant. */
export type ConnectionTarget =
  | { readonly connection: string }
  | { readonly user: string }
  | { readonly session: string }
  /** All of the node of this name. */
  | { readonly node: string };

/** What nodes say to each other. */
export type NodeSignal =
  /** Something was revoked: read what. */
  | { readonly kind: "revoked" }
  /** Close them for good. */
  | { readonly kind: "disconnect"; readonly target: ConnectionTarget; readonly reason: string }
  /** Have them reconnect elsewhere within a span. */
  | {
      readonly kind: "move";
      readonly target: ConnectionTarget;
      readonly minMs: number;
      readonly maxMs: number;
    };

/** What came from another node, whose version may be another; undefined where this one does not know it. */
export function readNodeSignal(value: unknown): NodeSignal | undefined {
  if (!isRecord(value)) return undefined;
  const { kind, target, reason, minMs, maxMs } = value;
  if (kind === "revoked") return { kind };
  const to = readTarget(target);
  if (to === undefined) return undefined;
  if (kind === "disconnect" && typeof reason === "string") return { kind, target: to, reason };
  if (kind === "move" && typeof minMs === "number" && typeof maxMs === "number") {
    return { kind, target: to, minMs, maxMs };
  }
  return undefined;
}

function readTarget(value: unknown): ConnectionTarget | undefined {
  if (!isRecord(value)) return undefined;
  const { connection, user, session, node } = value;
  if (typeof connection === "string") return { connection };
  if (typeof user === "string") return { user };
  if (typeof session === "string") return { session };
  return typeof node === "string" ? { node } : undefined;
}
