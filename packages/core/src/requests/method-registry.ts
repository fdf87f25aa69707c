import { MilepostError, messageBounds } from "@milepost/protocol";
import type { MethodDefinition, Methods } from "./method.ts";

const reserved = [
  "channels",
  "operations",
  "history",
  "presence",
  "queues",
  "questions",
  "gateway",
];
const namePattern = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/;

/**
 * Registry of a deployment's methods by name. An exact name wins over a pattern, and a longer pattern over a
 * shorter one.
 */
export class MethodRegistry {
  readonly #exact = new Map<string, MethodDefinition>();
  readonly #beginnings: (readonly [string, MethodDefinition])[] = [];

  /** Throws `bad_message`, which names the method, if its name, handler or timeout is invalid. */
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

/** Returns the reason why a method's name or pattern is invalid; undefined if it is valid. */
export function methodNameFault(name: string): string | undefined {
  const plain = name === "*" ? "x" : name.replace(/\.\*$/, "");
  if (!namePattern.test(plain) || name.length > messageBounds.nameLength) {
    return "must be names of letters, digits, '_' and '-', joined by '.', whose last may be '*'";
  }
  if (isReserved(plain)) {
    return `must not begin with ${reserved.join(", ")}, which are reserved; choose another name`;
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
      : `timeoutMs must be from 1 to ${longest} milliseconds`);
  if (why !== undefined) {
    throw new MilepostError("bad_message", `method ${JSON.stringify(name)}: ${why}`);
  }
}

function isReserved(name: string): boolean {
  return reserved.includes(name.split(".", 1)[0] ?? "");
}
