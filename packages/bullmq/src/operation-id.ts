import { createHash } from "node:crypto";

/** Part of a job from which the id of its operation follows: its own id, and the time at which it was added. */
export interface NamedJob {
  readonly id?: string | undefined;
  readonly timestamp: number;
}

/** Longest part of an operation id that is made of the id of the job. An operation id has at most 64 characters. */
const maxPart = 44;

/** Returns the start of the operation ids of a queue, from its prefix and name as in `bull:video`. */
export function queueMark(queueKey: string): string {
  return createHash("sha256").update(queueKey).digest("hex").slice(0, 8);
}

/**
 * Returns the id of the operation of a job. Every process computes the same one, for all attempts. A job that is added again
 * under the same id, for instance the next day, is another operation.
 */
export function operationIdOf(queueKey: string, { id = "", timestamp }: NamedJob): string {
  return `${queueMark(queueKey)}-${part(id)}-${Math.max(0, Math.floor(timestamp)).toString(36)}`;
}

/**
 * Returns the id of the job of an operation of this queue. Undefined for other operations, and for those of jobs whose id is
 * too long to be a part of the operation's.
 */
export function jobIdOf(queueKey: string, operationId: string): string | undefined {
  const [, mark, kind, text = ""] = /^([0-9a-f]{8})-([jbh])(.*)-[0-9a-z]+$/.exec(operationId) ?? [];
  if (mark !== queueMark(queueKey)) return undefined;
  if (kind === "j") return text;
  return kind === "b" ? Buffer.from(text, "base64url").toString("utf8") : undefined;
}

function part(id: string): string {
  if (id.length < maxPart && /^[A-Za-z0-9_.~-]+$/.test(id)) return `j${id}`;
  const encoded = Buffer.from(id, "utf8").toString("base64url");
  if (encoded.length < maxPart) return `b${encoded}`;
  return `h${createHash("sha256").update(id).digest("base64url")}`;
}
