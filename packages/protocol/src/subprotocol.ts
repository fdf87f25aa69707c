/** Version of the protocol, as a welcome message names it. */
export const protocolVersion = "1";

/** Name of a dialect: the encoding of messages on one connection. */
export type DialectName = "plain" | SdkDialectName;

/** Names of the SDK's dialects. Each is also the name of its WebSocket subprotocol. */
export type SdkDialectName = "milepost.v1.json" | "milepost.v1.msgpack";

/** Names of the dialects whose messages are text, which every door can carry. */
export type TextDialectName = Exclude<DialectName, "milepost.v1.msgpack">;

/** Name of the WebSocket subprotocol for the SDK's JSON dialect. */
export const jsonSubprotocol = "milepost.v1.json";

/** Name of the WebSocket subprotocol for the SDK's msgpack dialect, which has the same messages. */
export const msgpackSubprotocol = "milepost.v1.msgpack";

/** Prefix of the subprotocol in which a client offers its token if it cannot set headers. */
export const tokenSubprotocolPrefix = "milepost.token.";

/** The choice that a client's list of offered subprotocols leads to. */
export interface OfferedSubprotocols {
  /** Dialect to use; undefined if the client offered only unknown protocols. */
  readonly dialect: DialectName | undefined;
  /** Subprotocol to answer with; undefined to answer without one. */
  readonly select: string | undefined;
  readonly token: string | undefined;
}

/**
 * Chooses among the subprotocols that a client offers. The first offered dialect wins.
 *
 * The dialect is plain if nothing or only a token is offered. A browser fails a connect if the server answers
 * none of its offers, so with a token alone the answer is the token's subprotocol itself.
 */
export function chooseSubprotocol(offered: Iterable<string>): OfferedSubprotocols {
  let token: string | undefined;
  let tokenOffer: string | undefined;
  let dialect: SdkDialectName | undefined;
  let others = false;
  for (const name of offered) {
    if (name === jsonSubprotocol || name === msgpackSubprotocol) dialect ??= name;
    else if (name.startsWith(tokenSubprotocolPrefix)) {
      tokenOffer ??= name;
      token ??= name.slice(tokenSubprotocolPrefix.length);
    } else others = true;
  }
  if (dialect !== undefined) return { dialect, select: dialect, token };
  if (others) return { dialect: undefined, select: undefined, token };
  return { dialect: "plain", select: tokenOffer, token };
}
