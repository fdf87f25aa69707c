import { createTokens } from "@milepost/server";
import type { Tally } from "../hostile/arena.ts";
import { type AttackName, historyChannel } from "../hostile/attacks.ts";
import type { HealthyMethods, HealthyReport } from "../hostile/healthy-process.ts";
import type { HostileMethods } from "../hostile/hostile-process.ts";
import { residentBytes } from "../measure/process-usage.ts";
import { Child } from "../process/child.ts";
import { secrets, serveNode } from "../targets/served-node.ts";

/** Load of the healthy clients. */
export interface HealthyLoad {
  readonly clients: number;
  /** Publications a second of all healthy clients together. */
  readonly perSecond: number;
  readonly seconds: number;
}

/** Result of one attack: the healthy clients' round trips without it and during it. */
export interface HostileRound {
  readonly attack: AttackName;
  readonly before: HealthyReport;
  readonly during: HealthyReport;
  readonly tally: Tally;
  /** Growth of the gateway's memory by the attack, in bytes. */
  readonly grown: number;
}

const historyEntries = 1_000;
const entryBytes = 1_000;
const connectTimeoutMs = 120_000;

/** Runs one attack against a gateway of its own, with healthy clients beside it, each in a process of its own. */
export async function runHostileRound(
  attack: AttackName,
  { clients, perSecond, seconds }: HealthyLoad,
): Promise<HostileRound> {
  await using node = await serveNode({ MILEPOST_COMPRESSION: "true" });
  await using healthy = new Child<HealthyMethods>(
    new URL("../hostile/healthy-process.js", import.meta.url),
  );
  await using hostile = new Child<HostileMethods>(
    new URL("../hostile/hostile-process.js", import.meta.url),
  );
  const port = Number(new URL(node.url).port);
  const mint = createTokens(secrets.tokenSecret, Date).mint;
  const channels = { subscribe: ["bench:*"], publish: ["bench:*"] };
  const tokens = await Promise.all(
    Array.from({ length: clients }, (_, n) => mint({ user: `healthy-${n}`, channels })),
  );
  await fillHistory(node.url);
  await healthy.call("connect", { port, tokens }, connectTimeoutMs);
  const measure = () =>
    healthy.call("measure", { seconds, perSecond }, seconds * 10_000 + connectTimeoutMs);
  await measure();
  const before = await measure();
  const rss = residentBytes(node.pid);
  const token = await mint({ user: "hostile", channels });
  const [during, tally] = await Promise.all([
    measure(),
    hostile.call(
      "attack",
      { name: attack, port, token, apiKey: secrets.apiKey, seconds },
      seconds * 10_000 + connectTimeoutMs,
    ),
  ]);
  return { attack, before, during, tally, grown: residentBytes(node.pid) - rss };
}

async function fillHistory(url: string): Promise<void> {
  const line = JSON.stringify({
    channel: historyChannel,
    event: "e",
    data: "x".repeat(entryBytes),
  });
  for (let sent = 0; sent < historyEntries; sent += 100) {
    const answer = await fetch(`${url}/v1/publish`, {
      method: "POST",
      body: `${line}\n`.repeat(100),
      headers: {
        authorization: `Bearer ${secrets.apiKey}`,
        "content-type": "application/x-ndjson",
      },
    });
    if (!answer.ok) throw new Error(`the history could not be filled: ${await answer.text()}`);
    await answer.arrayBuffer();
  }
}
