import type { ConnectionState } from "./connection-state.ts";

/** Channel names of the user and the session that the gateway assigned to this client. */
export interface Identity {
  readonly user: string | undefined;
  readonly session: string | undefined;
}

/** Part of the client that {@link followIdentity} needs. */
export interface IdentitySource {
  readonly state: ConnectionState;
  onState(listener: (state: ConnectionState) => void): () => void;
  connect(): void;
}

/**
 * Calls `begin` with the names of the user channel and session channel once they are known, for which it connects a
 * client that was never used. When the identity changes, calls the function that `begin` returned and then calls
 * `begin` again. Returns a function that ends both the current run and the following of changes.
 */
export function followIdentity(
  source: IdentitySource,
  begin: (identity: Identity) => () => void,
): () => void {
  let known: string | undefined;
  let end = () => {};
  const look = (state: ConnectionState) => {
    if (state.state !== "connected") {
      // Closing the client failed its subscriptions, so `begin` runs again after the next connect even if the
      // identity is unchanged.
      if (state.state === "closed") known = undefined;
      return;
    }
    const { userChannel: user, sessionChannel: session } = state;
    const identity = JSON.stringify([user, session]);
    if (identity === known) return;
    known = identity;
    end();
    end = begin({ user, session });
  };
  const stop = source.onState(look);
  if (source.state.state === "idle") source.connect();
  look(source.state);
  return () => {
    stop();
    end();
  };
}

/**
 * Calls `again` when the client starts to connect, which includes a closed client that connects again. Its
 * subscriptions failed at the close and must be started again. Returns a function that stops the calls.
 */
export function followReopening(
  source: Pick<IdentitySource, "onState">,
  again: () => void,
): () => void {
  return source.onState((state) => {
    if (state.state === "connecting" && state.attempt === 1) again();
  });
}
