#!/usr/bin/env node
import {
  appendFileSync,
  closeSync,
  openSync,
  readFileSync,
  readSync,
  writeFileSync,
} from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { endWithParents } from "@milepost/redis/testing";
import { Child } from "../processes/child.ts";
import { Gateway, secrets } from "../processes/gateway.ts";
import { Redis } from "../processes/redis.ts";
import { judgeQueue, type QueueLine } from "./judge-queue.ts";

const leaseMs = 5_000;
const { values } = parseArgs({
  options: {
    tickets: { type: "string", default: "10000" },
    faults: { type: "string", default: "50" },
    mutant: { type: "string" },
    /** Time that the tickets have to end once all have joined, in seconds. */
    patience: { type: "string", default: "600" },
  },
});
const tickets = Number(values.tickets);
const faults = Number(values.faults);
const print = (line: string) => void process.stdout.write(`${line}\n`);
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

endWithParents();
const folder = await mkdtemp(join(tmpdir(), "milepost-queue-"));
const portsFile = join(folder, "ports");
const logFile = join(folder, "log.ndjson");
const config = join(folder, "config.json");
writeFileSync(logFile, "");
const rule = { queue: "chaos", join: "nobody", capacity: 24, lanes: { paid: 3, free: 1 } };
writeFileSync(config, JSON.stringify({ queues: [{ ...rule, maxAttempts: 100 }] }));

const redis = await Redis.start();
const gateways = await Promise.all([startGateway(), startGateway()]);
tellPorts();
let workers = 0;
const working = await Promise.all([startWorker(), startWorker(), startWorker()]);

function startGateway(): Promise<Gateway> {
  return Gateway.start(`redis://127.0.0.1:${redis.port}`, config, values.mutant);
}

function tellPorts(): void {
  writeFileSync(portsFile, gateways.map(({ port }) => port).join(" "));
}

function startWorker(): Promise<Child> {
  const program = fileURLToPath(new URL("worker.js", import.meta.url));
  const name = `w${++workers}`;
  const args = [program, name, portsFile, logFile, secrets.apiKey, String(leaseMs), "8"];
  return Child.start({ file: process.execPath, args, ready: /working/ });
}

function note(line: QueueLine): void {
  appendFileSync(logFile, `${JSON.stringify(line)}\n`);
}

/** Asks the gateways in turn until one answers. */
async function ask(method: string, path: string, body?: object): Promise<Record<string, unknown>> {
  for (let n = 0; ; n++) {
    const port = gateways[n % gateways.length]?.port;
    try {
      const response = await fetch(`http://127.0.0.1:${port}/v1/queues/chaos${path}`, {
        method,
        headers: { authorization: `Bearer ${secrets.apiKey}`, "content-type": "application/json" },
        signal: AbortSignal.timeout(3_000),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const answer = (await response.json()) as Record<string, unknown>;
      if (response.status < 500 && response.status !== 429) return answer;
    } catch {
      // The gateway was killed, or its store is away.
    }
    await pause(50);
  }
}

const joined: string[] = [];
async function joinAll(): Promise<void> {
  let next = 0;
  const joiner = async () => {
    for (let n = next++; n < tickets; n = next++) {
      const lane = n % 3 === 0 ? "paid" : "free";
      const { id, ...rest } = await ask("POST", "/tickets", { user: `u${n}`, lane, key: `k${n}` });
      if (typeof id !== "string") throw new Error(`a join was refused: ${JSON.stringify(rest)}`);
      joined.push(id);
      note({ kind: "joined", ticket: id, owner: `u${n}` });
    }
  };
  await Promise.all(Array.from({ length: 8 }, joiner));
}

/** Counts the tickets that workers have finished, from what the log has gained since the last count. */
function finishedCounter(): () => number {
  const file = openSync(logFile, "r");
  const buffer = Buffer.alloc(1024 * 1024);
  const finished = new Set<string>();
  let offset = 0;
  let rest = "";
  process.once("exit", () => closeSync(file));
  return () => {
    for (let read = 1; read > 0; offset += read) {
      read = readSync(file, buffer, 0, buffer.length, offset);
      const lines = (rest + buffer.toString("latin1", 0, read)).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const { kind, ticket, status } = JSON.parse(line) as Record<string, unknown>;
        if (kind === "finish" && status === 200) finished.add(String(ticket));
      }
    }
    return finished.size;
  };
}

const finished = finishedCounter();
/** Share of the run that is over: every ticket joins and is finished. */
function share(): number {
  return (joined.length + finished()) / (2 * tickets);
}

/** Time after which a fault comes although nothing moves, in milliseconds. */
const patienceMs = 30_000;

/** Waits until so much of the run is over, so that the faults are spread over all of it. */
async function until(wanted: number): Promise<void> {
  for (const end = Date.now() + patienceMs; share() < wanted && Date.now() < end; ) {
    await pause(100);
  }
}

const kinds = ["worker", "worker", "gateway", "redis", "redis-paused"] as const;
async function breakOne(n: number): Promise<void> {
  const kind = kinds[n % kinds.length];
  const at = n % 2;
  if (kind === "worker") {
    await working[n % working.length]?.end("SIGKILL");
    working[n % working.length] = await startWorker();
  } else if (kind === "gateway") {
    await gateways[at]?.kill();
    gateways[at] = await startGateway();
    tellPorts();
  } else if (kind === "redis") {
    await redis.kill();
    await redis.start();
  } else {
    redis.pause();
    await pause(1_500);
    redis.resume();
  }
}

const began = Date.now();
const joining = joinAll();
const quarters: string[] = [];
for (let n = 0; n < faults; n++) {
  await until((n + 0.5) / faults);
  if (n % Math.ceil(faults / 4) === 0) quarters.push(`${joined.length}/${finished()}`);
  await breakOne(n);
}
const faultsMs = Date.now() - began;
print(
  `${faults} faults in ${Math.round(faultsMs / 1_000)} s, at each quarter ${quarters.join(", ")} tickets joined and finished, at the last ${joined.length}/${finished()}`,
);
await joining;
const { waiting } = (await ask("GET", "")) as { waiting?: unknown };
print(`all joined after ${Math.round((Date.now() - began) / 1_000)} s; ${waiting} wait`);
let left: string[] = joined;
for (
  const until = Date.now() + Number(values.patience) * 1_000;
  left.length > 0 && Date.now() < until;
  await pause(500)
) {
  const states = new Map<string, unknown>();
  let next = 0;
  const looker = async () => {
    for (let id = left[next++]; id !== undefined; id = left[next++]) {
      const { status } = await ask("GET", `/tickets/${encodeURIComponent(id)}`);
      states.set(id, status);
      if (status === "waiting") return;
    }
  };
  await Promise.all(Array.from({ length: 8 }, looker));
  for (const [ticket, state] of states) {
    if (state !== "waiting" && state !== "running")
      note({ kind: "end", ticket, state: String(state) });
  }
  left = left.filter((id) =>
    [undefined, "waiting", "running"].includes(states.get(id) as undefined),
  );
}
const lines = readFileSync(logFile, "utf8").trim().split("\n");
const parsed = lines.map((line) => JSON.parse(line) as QueueLine);
const says = judgeQueue(parsed);
const count = (kind: QueueLine["kind"]) => parsed.filter((line) => line.kind === kind).length;
const stale = parsed.filter((line) => line.kind === "finish" && line.status === 409).length;
print(
  `${count("joined")} joined, ${count("claimed")} claims, ${stale} old fences refused, ${count("end")} ended`,
);
print(
  `${says.length} violations after ${Math.round((Date.now() - began) / 1_000)} s; the log is ${logFile}`,
);
for (const one of says.slice(0, 20)) print(`  ${one}`);
await Promise.all([
  ...working.map((one) => one.end("SIGKILL")),
  ...gateways.map((one) => one.kill()),
]);
await redis.close();
process.exit(says.length === 0 ? 0 : 1);
