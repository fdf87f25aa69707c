import type { ConnectionState } from "./connection-state.ts";

/** Channel names of the user and the session that the gateway assigned to this client. */
export interface Identity {
  readonly user: string | undefined;
  readonly session: string | undefined;
}

/** Part of the connection that following an identity uses. */
export interface IdentitySource {
  readonly state: ConnectionState;
  onState(listener: (state: ConnectionState) => void): () => void;
}

/**
 * Calls `begin` with the identity's channel names once they are known. When the identity changes, it calls the
 * end function that `begin` returned and then `begin` again. Returns a function that stops following.
 */
export function followIdentity(
  source: IdentitySource,
  begin: (identity: Identity) => () => void,
): () => void {
  let known: string | undefined;
  let end = () => {};
  const look = (state: ConnectionState) => {
    if (state.state !== "connected") {
      // A closed client has dropped its subscriptions, so they begin again when it reconnects.
      if (state.state === "closed") known = undefined;
      return;
    }
    const { userId, sessionId } = state;
    const identity = JSON.stringify([userId, sessionId]);
    if (identity === known) return;
    known = identity;
    end();
    end = begin({
      user: userId === null ? undefined : `user:${userId}`,
      session: sessionId === null ? undefined : `session:${sessionId}`,
    });
  };
  const stop = source.onState(look);
  look(source.state);
  return () => {
    stop();
    end();
  };
}

/**
 * Calls `again` when a closed client connects again; its subscriptions have failed until then. Returns a
 * function that stops it.
 */
export function followReopening(
  source: Pick<IdentitySource, "onState">,
  again: () => void,
): () => void {
  return source.onState((state) => {
    if (state.state === "connecting" && state.attempt === 1) again();
  });
}
