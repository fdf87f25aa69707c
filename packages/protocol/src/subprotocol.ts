/** The protocol's version, as a welcome names it. */
export const protocolVersion = "1";

/** How messages are encoded through a door. */
export type DialectName = "plain" | "milepost.v1.json";

/** The WebSocket subprotocol of the SDK's JSON dialect. */
export const jsonSubprotocol = "milepost.v1.json";

/** A client that cannot set headers offers its token as the subprotocol with this prefix. */
export const tokenSubprotocolPrefix = "milepost.token.";

/** What a client's list of offered subprotocols comes to. */
export interface OfferedSubprotocols {
  /** The dialect to speak; undefined when the client offered only versions nobody here speaks. */
  readonly dialect: DialectName | undefined;
  /** The subprotocol to answer with; undefined answers without one. */
  readonly select: string | undefined;
  readonly token: string | undefined;
}

/**
 * Chooses among the subprotocols a client offers.
 *
 * None offered, or only a token: plain. A browser fails a connect whose offers are all left
 * unanswered, so with a token alone the token's subprotocol itself is the answer.
 */
export function chooseSubprotocol(offered: Iterable<string>): OfferedSubprotocols {
  let token: string | undefined;
  let tokenOffer: string | undefined;
  let json = false;
  let others = false;
  for (const name of offered) {
    if (name === jsonSubprotocol) json = true;
    else if (name.startsWith(tokenSubprotocolPrefix)) {
      tokenOffer ??= name;
      token ??= name.slice(tokenSubprotocolPrefix.length);
    } else others = true;
  }
  if (json) return { dialect: "milepost.v1.json", select: jsonSubprotocol, token };
  if (others) return { dialect: undefined, select: undefined, token };
  return { dialect: "plain", select: tokenOffer, token };
}
