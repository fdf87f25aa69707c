import {
  type Cursor,
  isChannelSegment,
  type Parsed,
  parseChannelName,
  parsed,
  refused,
} from "@milepost/protocol";
import { readChannelList } from "../../http/channel-list.ts";
import { readPersonal, readResume } from "../personal.ts";
import {
  type Handshake,
  invalidSegment,
  readHandshake,
  segmentsOf,
  splitUrl,
  type UpgradeRequest,
} from "./handshake.ts";

/** Parsed upgrade request: the dialect, the credential and what to open. */
export interface UpgradePlan extends Handshake {
  readonly channels: readonly string[];
  readonly resume: Cursor | undefined;
  readonly connectionId: string | undefined;
  readonly personal?: "bare" | "always";
  /** Publisher's own id of the last event, in place of a cursor. */
  readonly resumeAfter?: string;
}

/** Reads an upgrade request below `/ws`. Pure; a failure is answered by HTTP without an upgrade. */
export function planUpgrade(
  request: UpgradeRequest,
  options: { readonly tokenInQuery: boolean },
): Parsed<UpgradePlan> {
  const { path, search } = splitUrl(request.url);
  const target = readTarget(path);
  if (!target.ok) return target;
  const read = readHandshake(request, search, options);
  if (!read.ok) return read;
  const { handshake, query } = read.value;
  const channels = readChannels(target.value.channel, query.getAll("channels"));
  if (!channels.ok) return channels;
  const isBare = handshake.dialect === "plain" && channels.value.length === 0;
  const personal = readPersonal(query.get("personal"), isBare);
  if (!personal.ok) return personal;
  const resume = readResume(query.get("last_event_id"), personal.value);
  if (!resume.ok) return resume;
  const plan: { -readonly [Field in keyof UpgradePlan]: UpgradePlan[Field] } = {
    ...handshake,
    channels: channels.value,
    resume: resume.value.resume,
    connectionId: query.get("connection_id") ?? undefined,
  };
  const { resumeAfter } = resume.value;
  if (personal.value.personal !== undefined) plan.personal = personal.value.personal;
  if (resumeAfter !== undefined) plan.resumeAfter = resumeAfter;
  if (query.get("upgrade") === "1") plan.upgrades = true;
  return parsed(plan);
}

interface Target {
  readonly channel: string | undefined;
}

function readTarget(path: string): Parsed<Target> {
  if (path === "/ws") return parsed({ channel: undefined });
  const segments = segmentsOf(path);
  const [resource, id] = segments;
  if (segments.length !== 2) {
    return refused(
      "not_found",
      "no WebSocket is served at this path; connect to /ws, /ws/{resource}/{id} or /ws/progress/{session_id}",
    );
  }
  if (!isChannelSegment(resource) || !isChannelSegment(id)) return invalidSegment();
  const channel = parseChannelName(`${resource}:${id}`);
  return channel.ok ? parsed({ channel: channel.value }) : channel;
}

function readChannels(
  fromPath: string | undefined,
  fromQuery: readonly string[],
): Parsed<readonly string[]> {
  const listed = readChannelList(fromQuery);
  if (!listed.ok || fromPath === undefined) return listed;
  return parsed([...new Set([fromPath, ...listed.value])]);
}
