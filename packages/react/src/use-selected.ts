"use client";
import { useCallback, useRef, useSyncExternalStore } from "react";

/**
 * Source of a changing value. Subscribers are called on each change; between changes the value keeps its
 * identity.
 */
export interface Source<Value> {
  subscribe(listener: () => void): () => void;
  getSnapshot(): Value;
}

/**
 * Returns a part of a source's value and renders again only when that part changes. All hooks are built on it.
 *
 * Parts are compared field by field, one level deep, so a selector may build an object. While rendering on a
 * server and while hydrating, the part is that of `serverValue`.
 */
export function useSelected<Value, Part>(
  source: Source<Value>,
  select: (value: Value) => Part,
  serverValue: Value,
): Part {
  const last = useRef<{ readonly part: Part } | undefined>(undefined);
  const keep = (part: Part): Part => {
    if (last.current !== undefined && isShallowEqual(last.current.part, part)) {
      return last.current.part;
    }
    last.current = { part };
    return part;
  };
  const subscribe = useCallback((listener: () => void) => source.subscribe(listener), [source]);
  return useSyncExternalStore(
    subscribe,
    () => keep(select(source.getSnapshot())),
    () => keep(select(serverValue)),
  );
}

/** Returns true when two values are the same, or are two objects or lists with the same fields. */
export function isShallowEqual(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  const other = b as Record<string, unknown>;
  return keys.every(
    (key) =>
      Object.hasOwn(other, key) && Object.is((a as Record<string, unknown>)[key], other[key]),
  );
}
