import type { ConsumerKind } from "@milepost/engine";
import {
  type Cursor,
  chooseSubprotocol,
  type DialectName,
  isChannelSegment,
  type Parsed,
  parseChannelName,
  parseCursor,
  parsed,
  refused,
} from "@milepost/protocol";
import { readBearer } from "../../auth/bearer.ts";
import { readChannelList } from "../../http/channel-list.ts";
import { consumerOf } from "../consumer.ts";

/** What of an upgrade request decides about it. */
export interface UpgradeRequest {
  /** Path and query, as they stand in the request line. */
  readonly url: string;
  readonly authorization: string | undefined;
  /** The `Sec-WebSocket-Protocol` header. */
  readonly subprotocols: string | undefined;
}

/** The credential a connect brought along. */
export type ConnectCredential =
  | { readonly kind: "none" }
  | { readonly kind: "token"; readonly token: string }
  /** It brought one in a way this deployment does not take. */
  | { readonly kind: "refused"; readonly reason: string };

/** What an upgrade request asks for. */
export type UpgradePlan = {
  readonly dialect: DialectName;
  /** The subprotocol to answer with. */
  readonly subprotocol: string | undefined;
  readonly credential: ConnectCredential;
  readonly consumer: ConsumerKind;
} & (
  | {
      readonly door: "gateway";
      readonly channels: readonly string[];
      readonly resume: Cursor | undefined;
      readonly connectionId: string | undefined;
    }
  | { readonly door: "feed"; readonly session: string }
);

/** Reads an upgrade request below `/ws`. Pure; a refusal is answered by HTTP without an upgrade. */
export function planUpgrade(
  request: UpgradeRequest,
  options: { readonly tokenInQuery: boolean },
): Parsed<UpgradePlan> {
  const [path = "", search = ""] = split(request.url, "?");
  const target = readTarget(path);
  if (!target.ok) return target;
  const query = readQuery(search);
  if (!query.ok) return query;
  const offered = readSubprotocols(request.subprotocols);
  if (!offered.ok) return offered;
  const { dialect, select, token } = chooseSubprotocol(offered.value);
  if (dialect === undefined) {
    return refused(
      "bad_message",
      'none of the offered subprotocols is spoken here; offer "milepost.v1.json" or "milepost.v1.msgpack", or none for the plain dialect',
    );
  }
  const base = {
    dialect,
    subprotocol: select,
    consumer: consumerOf(query.value.get("sdk"), "websocket"),
    credential: chooseCredential(
      request.authorization,
      token,
      query.value.get("token"),
      options.tokenInQuery,
    ),
  };
  if (target.value.door === "feed") return parsed({ ...base, ...target.value });

  const channels = readChannels(target.value.channel, query.value.getAll("channels"));
  if (!channels.ok) return channels;
  const cursor = query.value.get("last_event_id");
  const resume = cursor === null ? undefined : parseCursor(cursor);
  if (resume?.ok === false) return resume;
  return parsed({
    ...base,
    door: "gateway",
    channels: channels.value,
    resume: resume?.value,
    connectionId: query.value.get("connection_id") ?? undefined,
  });
}

type Target =
  | { readonly door: "gateway"; readonly channel: string | undefined }
  | { readonly door: "feed"; readonly session: string };

function readTarget(path: string): Parsed<Target> {
  if (path === "/ws") return parsed({ door: "gateway", channel: undefined });
  const segments = path.split("/").slice(2);
  const [resource, id] = segments.map(percentDecoded);
  if (segments.length !== 2) {
    return refused(
      "not_found",
      "WebSockets are at /ws, /ws/{resource}/{id} and /ws/progress/{session_id}",
    );
  }
  if (!isChannelSegment(resource) || !isChannelSegment(id)) {
    return refused(
      "invalid_channel",
      "each part of the path must be 1 to 255 letters, digits, '_', '.', '~' or '-'",
    );
  }
  if (resource === "progress") return parsed({ door: "feed", session: id });
  const channel = parseChannelName(`${resource}:${id}`);
  return channel.ok ? parsed({ door: "gateway", channel: channel.value }) : channel;
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
    : refused("bad_message", "Sec-WebSocket-Protocol must be a list of different names");
}

function chooseCredential(
  authorization: string | undefined,
  subprotocolToken: string | undefined,
  queryToken: string | null,
  tokenInQuery: boolean,
): ConnectCredential {
  const bearer = readBearer(authorization);
  if (bearer.kind === "bearer") return { kind: "token", token: bearer.credential };
  if (subprotocolToken !== undefined) return { kind: "token", token: subprotocolToken };
  if (queryToken === null) return { kind: "none" };
  return tokenInQuery
    ? { kind: "token", token: queryToken }
    : { kind: "refused", reason: "tokens in the URL are switched off" };
}

function readChannels(
  fromPath: string | undefined,
  fromQuery: readonly string[],
): Parsed<readonly string[]> {
  const listed = readChannelList(fromQuery);
  if (!listed.ok || fromPath === undefined) return listed;
  return parsed([...new Set([fromPath, ...listed.value])]);
}

function split(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

function percentDecoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
