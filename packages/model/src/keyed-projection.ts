import { isRecord } from "@milepost/protocol";
import type { Projection } from "./projection.ts";

/** The latest data of a channel for each key. */
export type KeyedState = Readonly<Record<string, unknown>>;

/** Maximum number of keys in a keyed state. */
export const maxKeys = 100;

/** Maximum size of a keyed state, as characters of JSON. A single larger entry is kept alone. */
export const maxKeyedSize = 1_048_576;

/** Sizes of data that a keyed state holds, so that each is measured once. */
const sizes = new WeakMap<object, number>();

/**
 * Returns a projection that keeps the latest data for each value of the field `field`. That value is the key.
 * The projection keeps the {@link maxKeys} keys that were updated last, as long as their data have at most
 * {@link maxKeyedSize} characters together.
 *
 * Keys are non-empty strings of at most 255 characters, or integers. Publications without such a key change
 * nothing. JavaScript lists keys that look like array indexes before all others, in numeric order. When a key
 * must be dropped, the smallest of these therefore counts as the oldest.
 */
export function keyedProjection(field: string): Projection<KeyedState> {
  const known = made.get(field);
  if (known !== undefined) return known;
  const projection = newProjection(field);
  if (made.size < maxMade) made.set(field, projection);
  return projection;
}

/** Projections made so far, since each channel with the same rule uses the same one. */
const made = new Map<string, Projection<KeyedState>>();
const maxMade = 100;

function newProjection(field: string): Projection<KeyedState> {
  return {
    name: `keyed:${field}`,
    initial: undefined,
    reduce(state, { data }) {
      if (!isRecord(data) || !Object.hasOwn(data, field)) return state;
      const key = readKey(data[field]);
      if (key === undefined) return state;
      // Spread and computed key define own fields, so a key named __proto__ is handled like any other.
      const { [key]: _, ...others } = state ?? {};
      const next = { ...others, [key]: data };
      const keys = Object.keys(next);
      let total = 0;
      for (const value of Object.values(next)) total += sizeOf(value);
      let excess = keys.length - maxKeys;
      for (const oldest of keys) {
        if (excess <= 0 && total <= maxKeyedSize) break;
        if (oldest === key) continue;
        excess--;
        total -= sizeOf(next[oldest]);
        delete next[oldest];
      }
      return next;
    },
  };
}

function sizeOf(data: unknown): number {
  if (typeof data !== "object" || data === null) return 0;
  let size = sizes.get(data);
  if (size === undefined) {
    size = JSON.stringify(data).length;
    sizes.set(data, size);
  }
  return size;
}

function readKey(value: unknown): string | undefined {
  if (typeof value === "number" && Number.isSafeInteger(value)) return String(value);
  return typeof value === "string" && value !== "" && value.length <= 255 ? value : undefined;
}
