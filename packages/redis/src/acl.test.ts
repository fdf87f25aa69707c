import { readdirSync, readFileSync } from "node:fs";
import {
  channelLogContract,
  durableSubscribersContract,
  leasesContract,
  type MakeEngine,
  ManualClock,
  presenceContract,
  SeededRandom,
} from "@milepost/engine/testing";
import { createClient, ErrorReply } from "@redis/client";
import { afterAll, describe, expect, it } from "vitest";
import { connectRedis, redisEngine } from "./index.ts";
import { aclWords, sourceSelectors } from "./testing/acl.ts";
import { type RedisServer, startRedis } from "./testing/redis-server.ts";

const isMissing = process.env.MILEPOST_REDIS_SERVER === undefined;
const redis = isMissing ? undefined : await startRedis();
afterAll(() => redis?.[Symbol.asyncDispose]());

/** Commands that the gateway sends outside of scripts, each with its use. */
const sentDirectly = {
  "cluster|slots": "the map of a cluster",
  evalsha: "every script",
  info: "milepost doctor and the warnings at the start",
  publish: "the canary and the bus",
  role: "whether the server is a master",
  "script|load": "every script",
  spublish: "the bus of a cluster",
  ssubscribe: "the bus of a cluster",
  subscribe: "the canary and the bus",
  sunsubscribe: "the bus of a cluster",
  time: "the clock of Redis",
  unlink: "keys that are no longer needed",
  unsubscribe: "the bus",
} as const;

/** Commands that scripts call only where the user may: `SCAN` shows the names of all keys, and a move can do without. */
const optional = ["scan"];

/** Commands that the scripts of `lua/` call. */
function calledByScripts(): readonly string[] {
  const folder = new URL("../lua/", import.meta.url);
  const texts = readdirSync(folder).map((name) => readFileSync(new URL(name, folder), "utf8"));
  const calls = texts.flatMap((text) => [...text.matchAll(/redis\.p?call\(\s*'([A-Z]+)'/g)]);
  return calls.map(([, name = ""]) => name.toLowerCase());
}

async function connected(url: string) {
  const client = createClient({ url, RESP: 2, disableClientInfo: true });
  client.on("error", () => {});
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: async () => client.destroy() });
}

function server(): RedisServer {
  if (redis === undefined) throw new Error("there is no redis-server");
  return redis;
}

/** Creates engines under the documented user, with the documented prefix. */
const make: MakeEngine = async () => {
  const clock = new ManualClock();
  const link = await connectRedis({ url: server().url });
  const engine = redisEngine(link)({ clock, random: new SeededRandom(++made) });
  await using admin = await connected(server().adminUrl);
  await admin.flushAll();
  return {
    engine,
    advance: (ms) => clock.advance(ms),
    [Symbol.asyncDispose]: () => engine.close(),
  };
};
let made = 0;

describe("the documented Redis user", () => {
  it("the user of users.acl may use exactly the commands that the gateway sends, and no category of commands", () => {
    const words = aclWords();
    expect(words.filter((word) => /^[+-]@/.test(word))).toEqual(["-@all"]);
    const allowed = words.filter((word) => word.startsWith("+")).map((word) => word.slice(1));
    const used = new Set([...Object.keys(sentDirectly), ...calledByScripts()]);
    for (const name of optional) used.delete(name);
    expect(allowed.toSorted()).toEqual([...used].toSorted());
  });

  it("the user of users.acl may use keys and channels of the prefix only", () => {
    const words = aclWords();
    expect(words.filter((word) => /^(?:[~&%]|all|reset)/.test(word))).toEqual([
      "resetkeys",
      "resetchannels",
      "~milepost:*",
      "&milepost:*",
    ]);
  });

  it("docs/redis-acl.md shows the user of users.acl and the selectors of a source", () => {
    const page = readFileSync(new URL("../../../docs/redis-acl.md", import.meta.url), "utf8");
    for (const word of [...aclWords(), ...sourceSelectors("publications")])
      expect(page).toContain(word);
  });
});

describe.skipIf(isMissing)("Redis under the documented user", () => {
  it.each([
    ["GET", "other"],
    ["SET", "other", "1"],
    ["GET", "milepost"],
    ["XADD", "publication", "*", "a", "1"],
    ["UNLINK", "other"],
    ["PUBLISH", "other", "1"],
    ["SUBSCRIBE", "other"],
    ["PSUBSCRIBE", "milepost:*"],
    ["EVALSHA", "0000000000000000000000000000000000000000", "1", "other"],
    ["EVAL", "return redis.call('GET', 'other')", "1", "milepost:source:x"],
    ["EVAL", "return 1", "1", "milepost:x"],
    ["KEYS", "*"],
    ["SCAN", "0"],
    ["FLUSHALL"],
    ["FLUSHDB"],
    ["CONFIG", "GET", "*"],
    ["ACL", "LIST"],
    ["CLIENT", "LIST"],
    ["MONITOR"],
    ["SHUTDOWN"],
    ["REPLICAOF", "127.0.0.1", "1"],
    ["SCRIPT", "FLUSH"],
    ["CLUSTER", "RESET"],
    ["MODULE", "LIST"],
  ])("Redis refuses the documented user the command %s %s", async (...command) => {
    await using client = await connected(server().url);
    const refused = await client.sendCommand(command).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(ErrorReply);
    expect(String(refused)).toMatch(/NOPERM|No permissions|The user executing the script can't/);
  });

  channelLogContract("redis as the documented user", make);
  durableSubscribersContract("redis as the documented user", make);
  leasesContract("redis as the documented user", make);
  presenceContract("redis as the documented user", make);
});
