import type { Beginning } from "@milepost/checker/recording";
import type { OperationCommandName } from "@milepost/model";
import { SeededRandom } from "./seeded-random.ts";

/** Reader in a plan. */
export interface PlannedReader {
  readonly name: string;
  readonly kind: "sdk" | "cursor" | "messages";
}

/** Watcher of a reader's session feed. */
export interface PlannedFeed {
  readonly name: string;
  readonly user: string;
}

/** Action or fault of an actor around the cluster. */
export type CastAction =
  | {
      readonly do: "subscribe";
      readonly reader: string;
      readonly channel: string;
      readonly since: Beginning;
      readonly events?: readonly string[];
    }
  | { readonly do: "unsubscribe"; readonly reader: string; readonly channel: string }
  | {
      readonly do: "publish";
      readonly reader: string;
      readonly channel: string;
      readonly count: number;
      readonly bytes: number;
    }
  | {
      readonly do: "send";
      readonly backend: string;
      readonly channel: string;
      readonly count: number;
      readonly bytes: number;
      readonly atOnce: boolean;
    }
  | { readonly do: "purge_by_backend"; readonly channel: string }
  | {
      readonly do: "work";
      readonly operation: string;
      readonly user: string;
      readonly steps: number;
      readonly stepMs: number;
    }
  | { readonly do: "worker_crash" }
  | { readonly do: "worker_line"; readonly faultiness: number; readonly ms: number }
  | { readonly do: "take_over"; readonly operation: string; readonly finishes: boolean }
  | {
      readonly do: "command";
      readonly operation: string;
      readonly user: string;
      readonly command: OperationCommandName;
    }
  | { readonly do: "deny" | "allow"; readonly reader: string; readonly channel: string }
  | { readonly do: "restart_reader" | "drop" | "silence"; readonly reader: string }
  | { readonly do: "stall"; readonly reader: string; readonly ms: number };

/** Action or fault of the nodes, the store or the clock. */
type ClusterAction =
  | {
      readonly do: "crash";
      readonly node: string;
      readonly isTold: boolean;
      readonly ms: number;
    }
  | { readonly do: "drain"; readonly node: string; readonly drainMs: number; readonly ms: number }
  | { readonly do: "store_refuses" | "store_hangs"; readonly node: string; readonly ms: number }
  | { readonly do: "store_slow"; readonly callMs: number; readonly ms: number }
  | { readonly do: "store_answers_lost"; readonly part: number; readonly ms: number }
  | { readonly do: "bus_loses"; readonly part: number; readonly ms: number }
  | { readonly do: "bus_lags"; readonly delayMs: number; readonly ms: number }
  | { readonly do: "purge"; readonly channel: string }
  | { readonly do: "lose_tail"; readonly channel: string; readonly count: number }
  | { readonly do: "jump"; readonly ms: number };

/** Action or fault that happens at one time. */
export type Action = CastAction | ClusterAction;

/** Action with its time, in milliseconds from the start. */
export type Step = Action & { readonly at: number };

/** Plan of a whole run. */
export interface Plan {
  readonly seed: number;
  readonly nodes: readonly string[];
  readonly readers: readonly PlannedReader[];
  readonly feeds: readonly PlannedFeed[];
  readonly backends: readonly string[];
  readonly tokenMs: number | undefined;
  readonly untilMs: number;
  readonly steps: readonly Step[];
}

/** Channels of every plan; the rules set their retention. */
export const channels = ["log:a", "log:b", "log:few", "log:short", "state:a", "state:b"] as const;

const meanSteps = 45;

/** Returns the plan of a seed; the same seed always gives the same plan. */
export function makePlan(seed: number): Plan {
  const random = SeededRandom.named(seed, "plan");
  const nodes = Array.from({ length: random.int(1, 3) }, (_, i) => `node-${i + 1}`);
  const kinds = ["sdk", "sdk", "cursor", "messages"] as const;
  const readers = Array.from({ length: random.int(2, 5) }, (_, i): PlannedReader => {
    const kind = random.pick(kinds);
    return { name: `${kind}${i + 1}`, kind };
  });
  const backends = ["backend-1", "backend-2"];
  const untilMs = random.int(40_000, 120_000);
  const steps: Step[] = [];
  for (const { name } of readers) {
    for (const channel of channels) {
      if (random.chance(0.45))
        steps.push({ at: random.int(0, 2_000), ...subscribe(random, name, channel) });
    }
  }
  const count = random.int(Math.floor(meanSteps / 2), Math.floor(meanSteps * 1.5));
  for (let i = 0; i < count; i++) {
    const at = random.int(500, untilMs);
    steps.push({ at, ...anyAction(random, nodes, readers, backends, i) });
  }
  const feeds = planOperations(seed, readers, untilMs, steps);
  steps.sort((a, b) => a.at - b.at);
  const tokenMs = random.chance(0.3) ? random.int(15_000, 90_000) : undefined;
  return { seed, nodes, readers, feeds, backends, tokenMs, untilMs, steps };
}

/**
 * Returns the plan of a seed for one node with an embedded store. Its log loses no tail, but it crashes about as often as all
 * nodes of a cluster together. The wall clock makes no steps: this store ages entries by it, and never back, which the checker
 * does not model.
 */
export function makeEmbeddedPlan(seed: number): Plan {
  const { steps, ...plan } = makePlan(seed);
  const [node = ""] = plan.nodes;
  const random = SeededRandom.named(seed, "plan of crashes");
  const crash = () => ({
    ...({ do: "crash", node, isTold: random.chance(0.8), ms: random.int(50, 3_000) } as const),
  });
  return {
    ...plan,
    nodes: [node],
    steps: steps.flatMap((step): Step[] => {
      if (step.do === "jump") return [];
      if (step.do === "lose_tail") return [{ at: step.at, ...crash() }];
      return ["node" in step ? { ...step, node } : step];
    }),
  };
}

const commands = ["cancel", "pause", "resume", "retry"] as const;

/**
 * Adds operations to half of the plans: work that is commanded, taken over and watched over feeds, and
 * credentials that later allow less.
 */
function planOperations(
  seed: number,
  readers: readonly PlannedReader[],
  untilMs: number,
  steps: Step[],
): readonly PlannedFeed[] {
  const random = SeededRandom.named(seed, "plan of operations");
  if (!random.chance(0.5)) return [];
  const user = random.pick(readers)?.name ?? "";
  const feeds = Array.from({ length: random.int(1, 2) }, (_, i) => ({
    name: `feed${i + 1}`,
    user,
  }));
  const operations = random.int(2, 4);
  for (let i = 0; i < operations; i++) {
    const operation = `job-${i}`;
    const at = random.int(500, untilMs - 5_000);
    const plan = { steps: random.int(1, 4), stepMs: random.int(200, 4_000) };
    steps.push({ at, do: "work", operation, user, ...plan });
    // The time is during the work or shortly after.
    const spanMs = plan.steps * 3 * plan.stepMs;
    const later = () => Math.min(untilMs, random.int(at + 200, at + spanMs));
    for (let n = random.int(0, 3); n > 0; n--) {
      const command = random.pick(commands) ?? "cancel";
      steps.push({ at: later(), do: "command", operation, user, command });
    }
    if (random.chance(0.5)) {
      steps.push({ at: later(), do: "take_over", operation, finishes: random.chance(0.5) });
    }
  }
  for (const { name } of feeds) {
    const faults = ["drop", "silence", "restart_reader"] as const;
    const fault = random.pick(faults) ?? "drop";
    if (random.chance(0.7)) steps.push({ at: random.int(1_000, untilMs), do: fault, reader: name });
    const stall = { do: "stall", reader: name, ms: random.int(200, 10_000) } as const;
    if (random.chance(0.5)) steps.push({ at: random.int(1_000, untilMs), ...stall });
  }
  if (random.chance(0.15)) flood(random, random.pick(readers)?.name ?? "", untilMs, steps);
  for (let n = random.int(0, 2); n > 0; n--) {
    const reader = random.pick(readers)?.name ?? "";
    const at = random.int(1_000, untilMs);
    const channel = random.pick(channels);
    steps.push({ at, do: "deny", reader, channel });
    // A reconnect makes the node check the new credential.
    steps.push({ at: at + 100, do: "drop", reader });
    if (random.chance(0.5)) steps.push({ at: at + 15_000, do: "allow", reader, channel });
  }
  return feeds;
}

/** Adds a publish of more bytes than a send queue may hold for a reader that has stopped reading. */
function flood(random: SeededRandom, reader: string, untilMs: number, steps: Step[]): void {
  const at = random.int(3_000, untilMs - 10_000);
  const channel = "log:a";
  steps.push({ at: at - 2_000, do: "subscribe", reader, channel, since: "now" });
  steps.push({ at, do: "stall", reader, ms: random.int(2_000, 9_000) });
  const much = { backend: "backend-1", channel, count: 20, bytes: 60_000, atOnce: true } as const;
  for (let n = 0; n < 2; n++) steps.push({ at: at + 200 + n * 500, do: "send", ...much });
}

function subscribe(random: SeededRandom, reader: string, channel: string): Action {
  const since = random.pick<Beginning>([
    "state",
    "state",
    "start",
    "now",
    { last: random.int(1, 5) },
  ]);
  const filter = random.chance(0.1) ? { events: ["a"] } : {};
  return { do: "subscribe", reader, channel, since, ...filter };
}

function anyAction(
  random: SeededRandom,
  nodes: readonly string[],
  readers: readonly PlannedReader[],
  backends: readonly string[],
  i: number,
): Action {
  const reader = random.pick(readers)?.name ?? "";
  const node = random.pick(nodes) ?? "";
  const channel = random.pick(channels);
  const ms = random.int(200, 15_000);
  const dice = random.fraction();
  if (dice < 0.2) {
    const bytes = random.chance(0.05) ? random.int(1_000, 60_000) : 0;
    return { do: "publish", reader, channel, count: random.int(1, 6), bytes };
  }
  if (dice < 0.44) {
    const backend = random.pick(backends) ?? "";
    const bytes = random.chance(0.08) ? random.int(1_000, 60_000) : 0;
    const burst = random.chance(0.1) ? random.int(20, 60) : random.int(1, 6);
    return { do: "send", backend, channel, count: burst, bytes, atOnce: random.chance(0.6) };
  }
  if (dice < 0.5) return subscribe(random, reader, channel);
  if (dice < 0.53) return { do: "unsubscribe", reader, channel };
  if (dice < 0.56) return { do: "restart_reader", reader };
  if (dice < 0.64) return { do: "drop", reader };
  if (dice < 0.66) return { do: "silence", reader };
  if (dice < 0.7) return { do: "stall", reader, ms };
  if (dice < 0.75) return { do: "crash", node, isTold: random.chance(0.8), ms };
  if (dice < 0.78) return { do: "drain", node, drainMs: random.int(0, 3_000), ms };
  if (dice < 0.8) return { do: "store_refuses", node, ms };
  if (dice < 0.82) return { do: "store_hangs", node, ms };
  if (dice < 0.83) return { do: "store_slow", callMs: random.int(5, 300), ms };
  if (dice < 0.84) return { do: "store_answers_lost", part: random.fraction() / 2, ms };
  if (dice < 0.87) return { do: "bus_loses", part: random.between(0.1, 1), ms };
  if (dice < 0.89) return { do: "bus_lags", delayMs: random.int(10, 3_000), ms };
  if (dice < 0.905) return { do: "purge", channel };
  if (dice < 0.915) return { do: "purge_by_backend", channel };
  if (dice < 0.935) return { do: "lose_tail", channel, count: random.int(1, 5) };
  if (dice < 0.945) return { do: "jump", ms: random.int(-60_000, 60_000) };
  if (dice < 0.975) {
    const steps = random.int(1, 3);
    const operation = `op-${i}`;
    return { do: "work", operation, user: reader, steps, stepMs: random.int(100, 3_000) };
  }
  if (dice < 0.985) return { do: "worker_crash" };
  return { do: "worker_line", faultiness: random.between(0.1, 0.8), ms };
}
