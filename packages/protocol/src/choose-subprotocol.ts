import {
  type DialectName,
  jsonSubprotocol,
  msgpackSubprotocol,
  type SdkDialectName,
  shortSuffix,
  tokenSubprotocolPrefix,
} from "./subprotocol.ts";

/** The choice that the server makes from the subprotocols that a client offers. */
export interface OfferedSubprotocols {
  /** Dialect of the connection; undefined if the client offered only unknown protocols. */
  readonly dialect: DialectName | undefined;
  /** True if the client reads publications in the short form. */
  readonly isShort?: true;
  /** Subprotocol that the server names in its answer; undefined if it names none. */
  readonly select: string | undefined;
  readonly token: string | undefined;
}

const sdkNames: readonly SdkDialectName[] = [jsonSubprotocol, msgpackSubprotocol];

/** Dialects by the subprotocols that select them. */
const sdkDialects: ReadonlyMap<string, SdkDialectName> = new Map(
  sdkNames.flatMap((name): [string, SdkDialectName][] => [
    [name, name],
    [`${name}${shortSuffix}`, name],
  ]),
);

/**
 * Chooses among the subprotocols that a client offers. The first dialect in the client's list is chosen.
 *
 * The dialect is plain if the client offers nothing or only a token. If a server's answer names none of the
 * offers, a browser fails the connect. With only a token offered, the answer therefore names the token's
 * subprotocol.
 */
export function chooseSubprotocol(offered: Iterable<string>): OfferedSubprotocols {
  let token: string | undefined;
  let tokenOffer: string | undefined;
  let chosen: OfferedSubprotocols | undefined;
  let others = false;
  for (const name of offered) {
    const dialect = sdkDialects.get(name);
    if (dialect !== undefined) {
      const isShort = name !== dialect;
      chosen ??= { dialect, select: name, token: undefined, ...(isShort && { isShort }) };
    } else if (name.startsWith(tokenSubprotocolPrefix)) {
      tokenOffer ??= name;
      token ??= name.slice(tokenSubprotocolPrefix.length);
    } else others = true;
  }
  if (chosen !== undefined) return { ...chosen, token };
  if (others) return { dialect: undefined, select: undefined, token };
  return { dialect: "plain", select: tokenOffer, token };
}
