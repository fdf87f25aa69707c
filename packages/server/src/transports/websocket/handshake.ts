import type { ConsumerKind } from "@milepost/engine";
import {
  chooseSubprotocol,
  type DialectName,
  type Parsed,
  parsed,
  refused,
} from "@milepost/protocol";
import { readBearer } from "../../auth/bearer.ts";
import { pathOf } from "../../http/claimed-paths.ts";
import { consumerOf } from "../consumer.ts";

/** Parts of an upgrade request that decide how it is answered. */
export interface UpgradeRequest {
  /** Path and query, exactly as in the request line. */
  readonly url: string;
  readonly authorization: string | undefined;
  /** Value of the `Sec-WebSocket-Protocol` header. */
  readonly subprotocols: string | undefined;
}

/** Credential of an upgrade request. */
export type ConnectCredential =
  | { readonly kind: "none" }
  /**
   * A token; `inHeader` if it came in `Authorization`, where it may be an API key instead, and `inUrl` if it came in the
   * query, where no token of the console is accepted.
   */
  | {
      readonly kind: "token";
      readonly token: string;
      readonly inHeader?: true;
      readonly inUrl?: true;
    }
  /** A credential for one connect. */
  | { readonly kind: "ticket"; readonly ticket: string }
  /** A session's own credential, which may open the feed of that session. */
  | { readonly kind: "session"; readonly credential: string }
  /** The page has no token and asks to be a new guest. */
  | { readonly kind: "guest" }
  /** The credential came in a way that this deployment does not accept. */
  | { readonly kind: "refused"; readonly reason: string };

/** Content of an upgrade request that is the same for every WebSocket door. */
export interface Handshake {
  readonly dialect: DialectName;
  /** True if publications have the short form. */
  readonly isShort?: true;
  /** Subprotocol to answer with; undefined for none. */
  readonly subprotocol: string | undefined;
  readonly credential: ConnectCredential;
  readonly consumer: ConsumerKind;
  /** Form of replies in the plain dialect; absent for that of the dialect itself. */
  readonly replies?: "dashboard";
  /** Id of the connection that the new one replaces. */
  readonly connectionId?: string | undefined;
  /** True if the new connection is to take over from one of the same client over another transport. */
  readonly upgrades?: boolean;
}

/** Reads the query and the subprotocols of an upgrade request. */
export function readHandshake(
  request: UpgradeRequest,
  search: string,
  options: { readonly tokenInQuery: boolean },
): Parsed<{ readonly handshake: Handshake; readonly query: URLSearchParams }> {
  const query = readQuery(search);
  if (!query.ok) return query;
  const offered = readSubprotocols(request.subprotocols);
  if (!offered.ok) return offered;
  const { dialect, isShort, select, token } = chooseSubprotocol(offered.value);
  if (dialect === undefined) {
    return refused(
      "bad_message",
      'none of the offered subprotocols is supported; offer "milepost.v1.json" or "milepost.v1.msgpack", or none for the plain dialect',
    );
  }
  const form = query.value.get("dialect");
  if (form !== null && (form !== "dashboard" || dialect !== "plain")) {
    return refused(
      "bad_message",
      "dialect must be dashboard, on a WebSocket without a subprotocol; offer a subprotocol for the others",
    );
  }
  const handshake: Handshake = {
    dialect,
    ...(isShort && { isShort }),
    ...(form === "dashboard" && { replies: form }),
    subprotocol: select,
    consumer: consumerOf(query.value.get("sdk"), "websocket"),
    credential: chooseCredential(
      request.authorization,
      token,
      query.value.get("ticket"),
      query.value.get("token"),
      query.value.get("guest"),
      options.tokenInQuery,
    ),
  };
  return parsed({ handshake, query: query.value });
}

/** Splits the `url` of a request into path and query. */
export function splitUrl(url: string): { readonly path: string; readonly search: string } {
  const path = pathOf(url);
  return { path, search: url.slice(path.length + 1) };
}

/** Decoded segments of a path below `/ws`; undefined for a segment that cannot be decoded. */
export function segmentsOf(path: string): readonly (string | undefined)[] {
  return path.split("/").slice(2).map(percentDecoded);
}

/** Refusal of a path with a segment that cannot be part of a channel name. */
export function invalidSegment(): Parsed<never> {
  return refused(
    "invalid_channel",
    "each part of the path must be 1 to 255 letters, digits, '_', '.', '~' or '-'",
  );
}

function readQuery(search: string): Parsed<URLSearchParams> {
  return percentDecoded(search) === undefined
    ? refused("bad_message", "the query is not valid percent-encoded UTF-8")
    : parsed(new URLSearchParams(search));
}

const subprotocolName = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

function readSubprotocols(header: string | undefined): Parsed<readonly string[]> {
  if (header === undefined) return parsed([]);
  const names = header.split(",").map((name) => name.trim());
  const valid = names.every((name) => subprotocolName.test(name));
  return valid && new Set(names).size === names.length
    ? parsed(names)
    : refused(
        "bad_message",
        "Sec-WebSocket-Protocol must be a comma-separated list of distinct names",
      );
}

function chooseCredential(
  authorization: string | undefined,
  subprotocolToken: string | undefined,
  ticket: string | null,
  queryToken: string | null,
  guest: string | null,
  tokenInQuery: boolean,
): ConnectCredential {
  const bearer = readBearer(authorization);
  if (bearer.kind === "bearer") {
    return { kind: "token", token: bearer.credential, inHeader: true };
  }
  if (subprotocolToken !== undefined) return { kind: "token", token: subprotocolToken };
  if (ticket !== null) return { kind: "ticket", ticket };
  if (queryToken === null) return { kind: guest === "true" ? "guest" : "none" };
  return tokenInQuery
    ? { kind: "token", token: queryToken, inUrl: true }
    : {
        kind: "refused",
        reason:
          "tokens in the URL are disabled; send the token in the Authorization header or a subprotocol, or a ticket as ?ticket=",
      };
}

function percentDecoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
