/** The protocol's version, as a welcome names it. */
export const protocolVersion = "1";

/** How messages are encoded through a door. */
export type DialectName = "plain" | SdkDialectName;

/** The dialects of the SDK: each the name of its WebSocket subprotocol. */
export type SdkDialectName = "milepost.v1.json" | "milepost.v1.msgpack";

/** The dialects whose messages are text, which every door can carry. */
export type TextDialectName = Exclude<DialectName, "milepost.v1.msgpack">;

/** The WebSocket subprotocol of the SDK's JSON dialect. */
export const jsonSubprotocol = "milepost.v1.json";

/** The WebSocket subprotocol of the same messages as msgpack. */
export const msgpackSubprotocol = "milepost.v1.msgpack";

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
 * Chooses among the subprotocols a client offers: of the dialects the one it names first.
 *
 * None offered, or only a token: plain. A browser fails a connect whose offers are all left
 * unanswered, so with a token alone the token's subprotocol itself is the answer.
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
