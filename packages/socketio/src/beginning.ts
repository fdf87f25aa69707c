import type { Position, Snapshot } from "@milepost/protocol";
import { isPassing, milepostError } from "./client-error.ts";
import type { GatewayConnection } from "./gateway-connection.ts";
import { personalChannels } from "./personal-channels.ts";

/** Positions and states with which one reading of channels began. */
export interface Beginning {
  readonly recovered: boolean;
  readonly snapshots: readonly (readonly [channel: string, snapshot: Snapshot])[];
  /** Channels that have lost entries, and begin with their state instead. */
  readonly lost: readonly (readonly [channel: string, reason: string])[];
}

/**
 * Reads the channels of the person, and every other channel of the cursor, each from its position there. Rejects if one of
 * the person's own channels cannot be read, or if none can be read now.
 */
export async function readAll(
  connection: GatewayConnection,
  templates: readonly string[],
  cursor: ReadonlyMap<string, Position>,
): Promise<Beginning> {
  const { own, others } = personalChannels(connection.welcome, templates);
  const names = [...new Set([...own, ...others, ...cursor.keys()])];
  let recovered = own.length > 0 && own.every((channel) => cursor.has(channel));
  const snapshots: [string, Snapshot][] = [];
  const lost: [string, string][] = [];
  const answers = await Promise.allSettled(
    names.map((name) => connection.subscribe(name, cursor.get(name))),
  );
  answers.forEach((answer, at) => {
    const name = names[at] ?? "";
    if (answer.status === "fulfilled") {
      const { value } = answer;
      if (cursor.has(name) && !value.recovered && value.pending !== true) recovered = false;
      if (value.snapshot !== undefined) {
        snapshots.push([name, value.snapshot]);
        // Without a state, the gateway tells of the gap itself.
        if (value.reason !== undefined) lost.push([name, value.reason]);
      }
      return;
    }
    const error = milepostError(answer.reason);
    if (own.includes(name) || isPassing(error)) throw error;
    if (cursor.has(name)) recovered = false;
  });
  return { recovered, snapshots, lost };
}
