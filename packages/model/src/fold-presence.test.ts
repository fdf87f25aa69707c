import type { PresenceChange, PresenceList, PresentMember } from "@milepost/protocol";
import { describe, expect, it } from "vitest";
import { foldPresence } from "./fold-presence.ts";

const member = (id: string, since = 1): PresentMember => ({ id: `user:${id}`, user_id: id, since });
const list: PresenceList = {
  epoch: "e",
  version: 5,
  members: [member("ada"), member("bob")],
  count: 2,
  typing: [],
};
const change: PresenceChange = {
  epoch: "e",
  since: 4,
  version: 7,
  joined: [member("eve")],
  left: ["user:ada", "user:nobody"],
  count: 2,
};

describe("foldPresence", () => {
  it("[P-PRES-5] a presence change removes members who left and appends those who joined; typing changes only if the change has it", () => {
    expect(foldPresence({ ...list, typing: ["user:bob"] }, change)).toEqual({
      epoch: "e",
      version: 7,
      members: [member("bob"), member("eve")],
      count: 2,
      typing: ["user:bob"],
    });
    expect(foldPresence(list, { ...change, typing: ["user:eve"] })?.typing).toEqual(["user:eve"]);
  });

  it("[P-PRES-5] a member who joins again replaces the entry with the same id", () => {
    const again = { ...change, joined: [member("ada", 9)], left: [] };
    expect(foldPresence(list, again)?.members).toEqual([member("bob"), member("ada", 9)]);
  });

  it("[P-PRES-5] foldPresence returns the same list for a presence change that the list already includes", () => {
    expect(foldPresence(list, { ...change, version: 5 })).toBe(list);
    expect(foldPresence(list, { ...change, version: 3, since: 2 })).toBe(list);
  });

  it("[P-PRES-6] foldPresence returns undefined when it missed an earlier presence change", () => {
    expect(foldPresence(undefined, change)).toBeUndefined();
    expect(foldPresence(list, { ...change, since: 6 })).toBeUndefined();
    expect(foldPresence(list, { ...change, epoch: "f" })).toBeUndefined();
  });

  it("[P-PRES-6] a whole presence list replaces the known one unless it is older", () => {
    const newer = { ...list, version: 8, count: 1, members: [member("joe")] };
    expect(foldPresence(list, { ...newer, type: "presence", channel: "c" } as never)).toEqual(
      newer,
    );
    expect(foldPresence(undefined, list)).toEqual(list);
    expect(foldPresence(list, { ...newer, version: 4 })).toBe(list);
    expect(foldPresence(list, { ...newer, epoch: "f", version: 1 })?.version).toBe(1);
  });

  it("[P-PRES-7] a presence list without members keeps only the count", () => {
    const { members: _, ...counted } = list;
    const told = foldPresence(counted, { ...change, joined: [], left: [], count: 9 });
    expect(told).toEqual({ epoch: "e", version: 7, count: 9, typing: [] });
  });
});
