import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { KeptVisitors } from "./kept-visitors.ts";

const folders: string[] = [];

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "milepost-visitors-"));
  folders.push(folder);
  return folder;
}

/** Sets the times of the files as if the visitors had come in this order, an hour apart. */
function orderFiles(folder: string, users: readonly string[]): void {
  for (const name of readdirSync(folder)) {
    const [userId] = JSON.parse(readFileSync(join(folder, name), "utf8"));
    const at = 1_700_000_000 + 3_600 * users.indexOf(userId);
    utimesSync(join(folder, name), at, at);
  }
}

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

describe("the visitors that the studio remembers", () => {
  it("a visitor has the same files and ticket after a restart, and a field that was removed stays away", () => {
    const folder = newFolder();
    const files = [{ name: "a.js", content: "1" }] as never;
    const visitors = new KeptVisitors(folder, 10);
    visitors.set("guest:1", { files, ticket: "t1", isPaying: true });
    visitors.set("guest:1", { ticket: undefined });
    const again = new KeptVisitors(folder, 10);
    expect(again.get("guest:1")).toEqual({ files, isPaying: true });
    expect(again.unconfirmed()).toEqual(["guest:1"]);
    expect(again.get("guest:2")).toEqual({});
  });

  it("the visitor who was changed longest ago is forgotten first, also after a restart", () => {
    const folder = newFolder();
    const users = Array.from({ length: 12 }, (_, n) => `guest:${n}`);
    const before = new KeptVisitors(folder, users.length);
    for (const user of users) before.set(user, { isPaying: true });
    orderFiles(folder, users);
    const visitors = new KeptVisitors(folder, users.length);
    visitors.set("guest:0", { ticket: "t" });
    visitors.set("guest:new", { isPaying: true });
    expect(users.filter((user) => visitors.get(user).isPaying !== true)).toEqual(["guest:1"]);
    expect(readdirSync(folder)).toHaveLength(users.length);
  });
});
