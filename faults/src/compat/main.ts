#!/usr/bin/env node
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { endWithParents } from "@milepost/redis/testing";
import { Redis } from "../processes/redis.ts";
import { crossingRules, crossings } from "./crossings.ts";
import { packedVersion } from "./packed-version.ts";
import { previousCommit } from "./previous-commit.ts";
import { roll } from "./rolling.ts";
import { builtVersion, installedVersion, type Version, VersionNode } from "./version.ts";

const usage = `usage: npm run compat -- [--from COMMIT] [--to COMMIT] [--only TEXT] [--no-roll]

Runs two versions of Milepost over one Redis. --from is the older one, ${previousCommit.slice(0, 8)} by default; --to the newer
one, the working tree by default.
`;

const { values } = parseArgs({
  options: {
    from: { type: "string", default: previousCommit },
    to: { type: "string" },
    only: { type: "string", default: "" },
    "no-roll": { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
let ids = 0;
const print = (line: string) => void process.stdout.write(`${line}\n`);

endWithParents();
process.once("SIGINT", () => process.exit(130));
process.once("SIGTERM", () => process.exit(143));
if (values.help) {
  process.stdout.write(usage);
  process.exit(0);
}
const older = await installedVersion(packedVersion(values.from, print));
const newer =
  values.to === undefined
    ? await builtVersion()
    : await installedVersion(packedVersion(values.to, print));
const folder = await mkdtemp(join(tmpdir(), "milepost-compat-"));
const config = join(folder, "settings.json");
await writeFile(config, JSON.stringify(crossingRules));

let failures = await cross(older, newer);
if (!values["no-roll"]) failures += await roll(older, newer, config, print);
await rm(folder, { recursive: true });
print(failures === 0 ? "nothing differs" : `${failures} failures`);
process.exit(failures === 0 ? 0 : 1);

/** Lets everything cross between two gateways in both directions, and returns the number of failures. */
async function cross(one: Version, other: Version): Promise<number> {
  const redis = await Redis.start();
  const url = `redis://127.0.0.1:${redis.port}`;
  const nodes = [
    await VersionNode.start(one, url, config),
    await VersionNode.start(other, url, config),
  ] as const;
  let failed = 0;
  for (const [says, run] of Object.entries(crossings)) {
    if (!says.includes(values.only)) continue;
    for (const [i, from] of nodes.entries()) {
      const to = nodes[1 - i] ?? from;
      // Most speak by hand. Where an SDK takes part, each version of it does.
      for (const sdk of says.includes("operation that") ? [one, other] : [one]) {
        const way = `${from.version.name} → ${to.version.name}, SDK ${sdk.name}`;
        const id = `${++ids}`;
        try {
          await run({ from, to, sdk, id });
          print(`ok    ${says} (${way})`);
        } catch (error) {
          failed++;
          print(`FAIL  ${says} (${way})\n      ${(error as Error).message}`);
        }
      }
    }
  }
  for (const { complaints, version } of nodes) {
    for (const line of complaints) print(`log of ${version.name}: ${line}`);
  }
  for (const node of nodes) await node.stop();
  await redis.close();
  return failed;
}
