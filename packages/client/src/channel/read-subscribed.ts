import {
  definedFields,
  type GapReason,
  isRecord,
  type PresenceChange,
  type PresenceList,
  type Snapshot,
  type Subscribed,
} from "@milepost/protocol";

/** Returns the result of a subscribe. A field that does not look like one of the protocol counts as left out. */
export function readSubscribed(channel: string, result: unknown): Subscribed {
  const { position, recovered, reason, snapshot, presence, pending } = isRecord(result)
    ? result
    : {};
  return {
    channel,
    position: typeof position === "string" ? position : "",
    recovered: recovered === true,
    ...definedFields({
      pending: pending === true || undefined,
      reason: typeof reason === "string" ? (reason as GapReason) : undefined,
      snapshot: isRecord(snapshot) ? (snapshot as unknown as Snapshot) : undefined,
      presence: readPresence(presence) as PresenceList | undefined,
    }),
  };
}

/** Returns `value` as a presence list or change, or undefined when it does not look like one. */
export function readPresence(value: unknown): PresenceList | PresenceChange | undefined {
  const looksRight = isRecord(value) && typeof value.epoch === "string" && "version" in value;
  return looksRight ? (value as unknown as PresenceList | PresenceChange) : undefined;
}
