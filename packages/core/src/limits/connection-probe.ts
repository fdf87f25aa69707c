import type { Clock } from "@milepost/engine";
import type { ConnectedClient } from "../connection/connected-client.ts";
import { type Person, personOf } from "../rules/principal.ts";
import type { TimerWheel } from "../runtime/timer-wheel.ts";

/** Owner of connections that are counted together. */
export type CountedOwner = { readonly user: string } | { readonly session: string };

/** Time that a connection has to show that its client is alive, in milliseconds. */
export const probeMs = 2_000;
/** Time between two looks whether all probed connections have shown that, in milliseconds. */
const lookMs = 100;

/** Parts of the node that {@link probeConnections} uses. */
export interface ProbeContext {
  readonly clock: Clock;
  readonly wheel: Pick<TimerWheel, "pause">;
  readonly connections: { readonly staying: Iterable<ConnectedClient> };
}

/** Returns the session under which a principal's connections are counted: a guest has one that no token can name. */
export function countedSession({ session, guest }: Person): string | undefined {
  return guest === undefined ? session : `guest:${guest}`;
}

/**
 * Asks the clients of this node's connections of an owner to show that they are alive, and drops those that stay silent
 * for 2 s. Resolves after that time, or once all have answered or ended.
 */
export async function probeConnections(
  { clock, wheel, connections }: ProbeContext,
  owner: CountedOwner,
): Promise<void> {
  // Owners are probed rarely, and an index of their connections would cost every connection memory.
  const probed = [...connections.staying].filter(
    (connection) => connection.isOpen && isOf(connection, owner),
  );
  const since = Math.floor(clock.monotonic());
  const endsAt = clock.monotonic() + probeMs;
  for (const connection of probed) connection.probe();
  const isSilent = (connection: ConnectedClient) =>
    connection.isOpen && !connection.isAliveSince(since);
  // Each pause may end late, and the other nodes wait no longer than the probe lasts.
  for (
    let leftMs = probeMs;
    leftMs > 0 && probed.some(isSilent);
    leftMs = endsAt - clock.monotonic()
  ) {
    await wheel.pause(Math.min(lookMs, leftMs));
  }
  for (const connection of probed.filter(isSilent)) {
    connection.close(4003, "no sign of life");
    // A peer that is gone does not answer the close.
    connection.abandon();
  }
}

function isOf({ principal }: ConnectedClient, owner: CountedOwner): boolean {
  if (principal === undefined) return false;
  const person = personOf(principal);
  return "user" in owner ? person.user === owner.user : countedSession(person) === owner.session;
}
