import type { ConnectionState } from "./connection-state.ts";

/** The channels of whoever the service says we are. */
export interface Identity {
  readonly user: string | undefined;
  readonly session: string | undefined;
}

/** What following an identity needs of the connection. */
export interface IdentitySource {
  readonly state: ConnectionState;
  onState(listener: (state: ConnectionState) => void): () => void;
}

/**
 * Calls `begin` with the channel names of the identity once it is known, and again when it has become
 * another one, after the end that `begin` gave back. Returns the end of it all.
 */
export function followIdentity(
  source: IdentitySource,
  begin: (identity: Identity) => () => void,
): () => void {
  let known: string | undefined;
  let end = () => {};
  const look = (state: ConnectionState) => {
    if (state.state !== "connected") {
      // A client that was closed has dropped its subscriptions; they begin anew with it.
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

/** Calls `again` when a client that was closed connects anew: until then its subscriptions have failed. */
export function followReopening(
  source: Pick<IdentitySource, "onState">,
  again: () => void,
): () => void {
  return source.onState((state) => {
    if (state.state === "connecting" && state.attempt === 1) again();
  });
}
