import { MilepostError, messageBounds } from "@milepost/protocol";
import type { MethodDefinition, Methods } from "./method.ts";

const reserved = ["channels", "operations", "history", "presence", "queues", "gateway"];
const namePattern = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/;

/** The methods of a deployment by name: an exact name comes first, then the longest beginning. */
export class MethodRegistry {
  readonly #exact = new Map<string, MethodDefinition>();
  readonly #beginnings: (readonly [string, MethodDefinition])[] = [];

  /** Throws `bad_message` that names the method when one cannot be. */
  constructor(methods: Methods) {
    for (const [name, definition] of Object.entries(methods)) {
      check(name, definition);
      if (name.endsWith("*")) this.#beginnings.push([name.slice(0, -1), definition]);
      else this.#exact.set(name, definition);
    }
    this.#beginnings.sort(([a], [b]) => b.length - a.length);
  }

  find(name: string): MethodDefinition | undefined {
    const exact = this.#exact.get(name);
    if (exact !== undefined || this.#beginnings.length === 0) return exact;
    if (isReserved(name) || !namePattern.test(name)) return undefined;
    return this.#beginnings.find(([beginning]) => name.startsWith(beginning))?.[1];
  }
}

/** Why methods cannot have this name, or this beginning of one; undefined when they can. */
export function methodNameFault(name: string): string | undefined {
  const plain = name === "*" ? "x" : name.replace(/\.\*$/, "");
  if (!namePattern.test(plain) || name.length > messageBounds.nameLength) {
    return "must be names of letters, digits, '_' and '-', joined by '.', whose last may be '*'";
  }
  if (isReserved(plain)) {
    return `names of the service itself begin with ${reserved.join(", ")}; take another`;
  }
  return undefined;
}

function check(name: string, { handler, timeoutMs }: MethodDefinition): void {
  const { timeoutMs: longest } = messageBounds;
  const why =
    methodNameFault(name) ??
    (typeof handler === "function" ? undefined : "must have a handler") ??
    (timeoutMs === undefined || (timeoutMs >= 1 && timeoutMs <= longest)
      ? undefined
      : `timeoutMs must be from 1 to ${longest}`);
  if (why !== undefined) {
    throw new MilepostError("bad_message", `method ${JSON.stringify(name)}: ${why}`);
  }
}

function isReserved(name: string): boolean {
  return reserved.includes(name.split(".", 1)[0] ?? "");
}
