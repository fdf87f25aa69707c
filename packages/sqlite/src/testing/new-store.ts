import { join } from "node:path";
import { ManualClock, SeededRandom } from "@milepost/engine/testing";
import { descriptorOf } from "../data-folder.ts";
import type { Database } from "../driver/database.ts";
import { openDatabase } from "../driver/open-database.ts";
import type { PortParts } from "../port-parts.ts";
import { migrate } from "../schema.ts";
import { SqliteStore, type StoreParts } from "../sqlite-store.ts";
import { StoreClock } from "../store-clock.ts";

let made = 0;

/** Creates a store on a file of its own in a folder, whose disk fails as the test says. */
export function newStore(folder: string, options: Partial<StoreParts> = {}) {
  const file = join(folder, `store-${++made}.db`);
  const opened = openDatabase(file);
  opened.prepare("PRAGMA journal_mode = WAL").get();
  migrate(opened);
  /** `error` is thrown by the statement `failing`; `runs` counts the rows that each statement has changed. */
  const disk = { error: undefined as unknown, failing: "COMMIT", runs: new Map<string, number>() };
  const database: Database = {
    ...opened,
    prepare: (sql) => {
      const statement = opened.prepare(sql);
      const fail = () => {
        if (disk.error !== undefined && sql === disk.failing) throw disk.error;
      };
      return {
        all: statement.all,
        get: (...values) => {
          fail();
          return statement.get(...values);
        },
        run: (...values) => {
          fail();
          const changes = statement.run(...values);
          disk.runs.set(sql, (disk.runs.get(sql) ?? 0) + changes);
          return changes;
        },
      };
    },
  };
  const clock = new ManualClock();
  const store = new SqliteStore({
    database,
    durability: "normal",
    walDescriptor: descriptorOf(`${file}-wal`),
    faultOfFiles: () => undefined,
    maxBytes: 2 ** 40,
    after: (ms, callback) => clock.after(ms, callback),
    ...options,
  });
  const storeClock = new StoreClock(clock, 0);
  const parts: PortParts = { store, storeClock, clock, random: new SeededRandom(made) };
  return { file, store, disk, clock, parts };
}

/** Error of SQLite for a disk without room. */
export const diskFull = Object.assign(new Error("database or disk is full"), {
  code: "SQLITE_FULL",
  rawCode: 13,
});
