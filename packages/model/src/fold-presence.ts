import type { PresenceChange, PresenceList } from "@milepost/protocol";

/**
 * Returns the presence of a channel after a presence message. A newer complete list replaces the known list; a
 * change is applied to the known list.
 *
 * Returns the same object if the known list already includes the message. Returns undefined if a change in
 * between was missed; the caller then needs a complete list. Pure.
 */
export function foldPresence(
  known: PresenceList | undefined,
  news: PresenceList | PresenceChange,
): PresenceList | undefined {
  if (!("since" in news)) return newer(known, news);
  if (known === undefined || news.epoch !== known.epoch) return undefined;
  if (news.version <= known.version) return known;
  if (news.since > known.version) return undefined;
  const { epoch, version, joined, left, count, typing = known.typing } = news;
  if (known.members === undefined) return { epoch, version, count, typing };
  const changed = new Set([...left, ...joined.map(({ id }) => id)]);
  const stayed =
    changed.size === 0 ? known.members : known.members.filter(({ id }) => !changed.has(id));
  const members = joined.length === 0 ? stayed : [...stayed, ...joined];
  return { epoch, version, members, count, typing };
}

function newer(known: PresenceList | undefined, list: PresenceList): PresenceList {
  const { epoch, version, members, count, typing } = list;
  if (known !== undefined && known.epoch === epoch && version <= known.version) return known;
  return { epoch, version, ...(members !== undefined && { members }), count, typing };
}
