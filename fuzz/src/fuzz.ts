import { createGateway, type GatewayOptions } from "@milepost/server";
import { attack, type Target } from "./attacker.ts";
import { builtIns } from "./built-ins.ts";
import { Bystander } from "./bystander.ts";
import { Random } from "./random.ts";

const attackers = 8;
const secret = "the-secret-of-the-victim";
const retention = { maxEntries: 50, maxAgeMs: 60_000 };

/** Length and seed of one fuzz run. */
export interface FuzzOptions {
  readonly frames: number;
  readonly seed: number;
  /** Called now and then with the number of frames sent. */
  readonly onProgress?: (sent: number) => void;
}

/** Outcome of a run. */
export interface FuzzOutcome {
  readonly sent: number;
  /** Faults that were found, at most 20. */
  readonly faults: readonly string[];
}

/**
 * Sends hostile frames to a gateway of this process, in every dialect, beside a healthy client.
 *
 * A fault is an uncaught error, an error in the gateway's log, an answer or close that says `internal`, a connection
 * that is not answered, data in the wrong channel, a changed prototype, or a healthy client that is not served. Each
 * connection has a seed of its own, which follows from the seed of the run and the number of the connection.
 */
export async function fuzz({ frames, seed, onProgress }: FuzzOptions): Promise<FuzzOutcome> {
  const faults: string[] = [];
  const onFault = (what: string) => {
    if (faults.length < 20) faults.push(what);
  };
  const onUncaught = (error: unknown) => onFault(`uncaught: ${stackOf(error)}`);
  process.on("uncaughtException", onUncaught);
  process.on("unhandledRejection", onUncaught);
  const before = builtIns();
  const gateway = createGateway(gatewayOptions(onFault));
  const { port } = await gateway.listen({ port: 0 });
  const url = `http://127.0.0.1:${port}`;
  const bystander = await Bystander.open(
    url,
    await gateway.mintToken({ user: "victim", ttlMs: 86_400_000, channels: granted("victim:*") }),
    secret,
    onFault,
  );
  const token = await gateway.mintToken({
    user: "attacker",
    session: "attacker",
    ttlMs: 86_400_000,
    channels: granted("fuzz:*"),
  });
  const target: Target = { port, token, secret, onFault };
  let sent = 0;
  let connections = 0;
  async function attackOn(): Promise<void> {
    while (sent < frames && faults.length === 0) {
      const number = connections++;
      const counted = faults.length;
      sent += await attack(target, new Random(seed * 1_000_003 + number), frames - sent);
      if (faults.length > counted) onFault(`connection ${number} of seed ${seed}`);
      if (number % 64 !== 0) continue;
      if (!(await bystander.isServed())) onFault("the healthy client was not served");
      if (builtIns() !== before) onFault("a prototype of the process has changed");
      onProgress?.(sent);
    }
  }
  await Promise.all(Array.from({ length: attackers }, attackOn));
  if (!(await bystander.isServed())) onFault("the healthy client was not served at the end");
  if (builtIns() !== before) onFault("a prototype of the process has changed");
  bystander.close();
  await gateway.close();
  process.removeListener("uncaughtException", onUncaught);
  process.removeListener("unhandledRejection", onUncaught);
  return { sent, faults };
}

function granted(pattern: string) {
  return { subscribe: [pattern], publish: [pattern] };
}

function gatewayOptions(onFault: (what: string) => void): GatewayOptions {
  return {
    auth: { tokenSecret: "the token secret of a gateway that is fuzzed" },
    compression: true,
    // The frames must reach the gateway's code, and not wait for a rate.
    limits: {
      connectionMessagesPerSecond: 1e9,
      connectionBytesPerSecond: 1e9,
      connectionControlFramesPerSecond: 1e9,
      sessionMessagesPerSecond: 1e9,
      sessionBytesPerSecond: 1e9,
      userMessagesPerSecond: 1e9,
      userBytesPerSecond: 1e9,
    },
    sseMaxLifetimeMs: 86_400_000,
    rules: ["fuzz:*", "victim:*"].map((pattern) => ({
      pattern,
      subscribe: "granted",
      publish: "granted",
      presence: "members",
      retention,
    })),
    methods: {
      echo: { handler: (params) => params },
      nothing: { handler: () => undefined },
    },
    log: {
      info() {},
      warn() {},
      error: (fields, message) =>
        onFault(`logged as an error: ${message} ${stackOf(fields.err ?? fields.reason)}`),
    },
  };
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
