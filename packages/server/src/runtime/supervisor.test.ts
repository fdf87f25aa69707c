import { EventEmitter } from "node:events";
import { ManualClock } from "@milepost/engine/testing";
import { describe, expect, it } from "vitest";
import type { ProcessPort } from "./serve.ts";
import type { WorkerPort } from "./supervised-worker.ts";
import { Supervisor } from "./supervisor.ts";

/** A worker that listens and ends when the test says so, and writes down what it is told. */
class TestWorker extends EventEmitter implements WorkerPort {
  readonly told: string[] = [];
  readonly process: { pid?: number; kill(signal: string): void };

  constructor(pid: number) {
    super();
    this.process = { pid, kill: (signal) => this.told.push(signal) };
  }

  isConnected(): boolean {
    return true;
  }

  send(message: string): void {
    this.told.push(message);
  }

  listen(): Promise<void> {
    this.emit("listening", { port: 4_000 });
    return settled();
  }

  exit(code: number | null = 0, signal: string | null = null): Promise<void> {
    this.emit("exit", code, signal);
    return settled();
  }
}

/** Everything that follows from what has happened has happened. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function supervise(count = 3) {
  const host = new EventEmitter();
  const clock = new ManualClock();
  const forked: TestWorker[] = [];
  const alive = new Set<TestWorker>();
  const lines: string[] = [];
  const logged: Record<string, unknown>[] = [];
  const write = (fields: Record<string, unknown>, message: string) => {
    lines.push(message);
    logged.push({ ...fields, message });
  };
  let mistake: Error | undefined;
  let configured = { workers: count, drainMs: 1_000 };
  const ends: number[] = [];
  const supervisor = new Supervisor({
    count,
    drainMs: 1_000,
    reload: () => {
      if (mistake !== undefined) throw mistake;
      return configured;
    },
    log: { info: write, warn: write, error: write },
    process: host as unknown as ProcessPort,
    clock,
    fork() {
      const worker = new TestWorker(100 + forked.length);
      forked.push(worker);
      alive.add(worker);
      worker.once("exit", () => alive.delete(worker));
      return worker;
    },
  });
  const started = supervisor.start();
  void started.then(async (outcome) => {
    ends.push("code" in outcome ? outcome.code : await outcome.stopped);
  });
  const worker = (index: number): TestWorker => {
    const found = forked[index];
    if (found === undefined) throw new Error(`only ${forked.length} workers were forked`);
    return found;
  };
  return {
    clock,
    forked,
    alive,
    lines,
    logged,
    /** From now on the configuration is different. */
    configured(settings: Partial<typeof configured>) {
      configured = { ...configured, ...settings };
    },
    /** From now on the configuration has this mistake, or none. */
    mistaken(by?: Error) {
      mistake = by;
    },
    /** What the supervision ended with; empty while it goes on. */
    ends,
    worker,
    signal(name: "SIGTERM" | "SIGINT" | "SIGHUP") {
      host.emit(name, name);
      return settled();
    },
    listeners: () => host.eventNames(),
    /** All are there. */
    async running() {
      for (let i = 0; i < count; i++) await worker(i).listen();
      await started;
    },
  };
}

describe("stopping workers", () => {
  it("ends the first one that is just starting as soon as it listens, and starts no other", async () => {
    const run = supervise();
    await run.signal("SIGTERM");
    expect(run.ends).toEqual([]);
    expect(run.worker(0).told).toEqual([]);
    await run.worker(0).listen();
    expect(run.worker(0).told).toEqual(["stop"]);
    expect(run.forked).toHaveLength(1);
    expect(run.ends).toEqual([]);
    await run.worker(0).exit();
    expect(run.ends).toEqual([0]);
    expect(run.listeners()).toEqual([]);
  });

  it("waits for those that are just starting beside the first", async () => {
    const run = supervise();
    await run.worker(0).listen();
    await run.worker(1).listen();
    await run.signal("SIGTERM");
    await run.worker(0).exit();
    await run.worker(1).exit();
    expect(run.ends).toEqual([]);
    await run.worker(2).listen();
    expect(run.worker(2).told).toEqual(["stop"]);
    await run.worker(2).exit();
    expect(run.ends).toEqual([0]);
    expect(run.lines).not.toContain("the workers listen");
  });

  it("takes one that ends before it listens for ended, and does not start it anew", async () => {
    const run = supervise(2);
    await run.worker(0).listen();
    await run.signal("SIGINT");
    await run.worker(0).exit();
    await run.worker(1).exit(null, "SIGINT");
    await run.clock.advance(60_000);
    expect(run.ends).toEqual([0]);
    expect(run.forked).toHaveLength(2);
  });

  it("ends a replacement that is just starting", async () => {
    const run = supervise(2);
    await run.running();
    await run.worker(1).exit(null, "SIGKILL");
    await run.clock.advance(100);
    expect(run.forked).toHaveLength(3);
    await run.signal("SIGTERM");
    await run.worker(0).exit();
    expect(run.ends).toEqual([]);
    await run.worker(2).listen();
    expect(run.worker(2).told).toEqual(["stop"]);
    await run.worker(2).exit();
    expect(run.ends).toEqual([0]);
  });

  it("starts no replacement that was to come later", async () => {
    const run = supervise(2);
    await run.running();
    await run.worker(1).exit(1);
    await run.signal("SIGTERM");
    await run.worker(0).exit();
    expect(run.ends).toEqual([0]);
    expect(run.clock.pendingTimers).toBe(0);
  });

  it("ends a successor that is just starting in a roll, and goes no further", async () => {
    const run = supervise(2);
    await run.running();
    await run.signal("SIGHUP");
    expect(run.forked).toHaveLength(3);
    await run.signal("SIGTERM");
    await run.worker(2).listen();
    expect(run.worker(2).told).toEqual(["stop"]);
    for (const index of [0, 1]) expect(run.worker(index).told).toEqual(["stop"]);
    for (const index of [0, 1, 2]) await run.worker(index).exit();
    expect(run.ends).toEqual([0]);
    expect(run.forked).toHaveLength(3);
    expect(run.clock.pendingTimers).toBe(0);
  });

  it("kills what neither listens nor ends, after the drain and a while", async () => {
    const run = supervise(2);
    await run.worker(0).listen();
    await run.signal("SIGTERM");
    await run.worker(0).exit();
    await run.clock.advance(10_999);
    expect(run.worker(1).told).toEqual([]);
    await run.clock.advance(1);
    expect(run.worker(1).told).toEqual(["SIGKILL"]);
    await run.worker(1).exit(null, "SIGKILL");
    expect(run.ends).toEqual([0]);
  });

  it("kills all when it is told twice, those that are just starting as well: exit 1", async () => {
    const run = supervise(2);
    await run.worker(0).listen();
    await run.signal("SIGTERM");
    await run.signal("SIGTERM");
    expect(run.worker(0).told).toEqual(["stop", "SIGKILL"]);
    expect(run.worker(1).told).toEqual(["SIGKILL"]);
    for (const index of [0, 1]) await run.worker(index).exit(null, "SIGKILL");
    expect(run.ends).toEqual([1]);
  });

  it("exits with 1 when one that served did not stop cleanly", async () => {
    const run = supervise(2);
    await run.running();
    await run.signal("SIGTERM");
    await run.worker(0).exit(1);
    await run.worker(1).exit(0);
    expect(run.ends).toEqual([1]);
  });
});

describe("the number of workers", () => {
  it("is logged as it is when a worker ends before it listens at the start", async () => {
    const run = supervise(3);
    await run.worker(0).listen();
    await run.worker(1).exit(1);
    await run.worker(2).listen();
    const message = "some of the workers do not listen";
    expect(run.logged.at(-1)).toEqual({ workers: 2, configured: 3, port: 4_000, message });
    await run.clock.advance(100);
    await run.worker(3).listen();
    expect(run.alive.size).toBe(3);
    expect(run.lines).not.toContain("the workers listen");
  });

  it("is logged as that of all workers when a replacement listens before the start is over", async () => {
    const run = supervise(3);
    await run.worker(0).listen();
    await run.worker(1).exit(1);
    await run.clock.advance(100);
    await run.worker(3).listen();
    await run.worker(2).listen();
    expect(run.logged.at(-1)).toEqual({ workers: 3, port: 4_000, message: "the workers listen" });
  });

  it("is what it was after one dies while its successor starts", async () => {
    const run = supervise(2);
    await run.running();
    await run.signal("SIGHUP");
    await run.worker(0).exit(null, "SIGKILL");
    await run.worker(2).listen();
    await run.worker(3).listen();
    await run.worker(1).exit();
    await run.clock.advance(60_000);
    expect(run.lines).toContain("all workers are replaced");
    expect(run.alive.size).toBe(2);
    expect(run.forked).toHaveLength(4);
  });

  it("is what it was after another dies meanwhile, whose turn is yet to come", async () => {
    const run = supervise(3);
    await run.running();
    await run.signal("SIGHUP");
    await run.worker(2).exit(null, "SIGKILL");
    await run.clock.advance(100);
    // The successor of the first stands in for the one that died until the first is let go.
    await run.worker(3).listen();
    await run.worker(0).exit();
    await run.clock.advance(60_000);
    for (const worker of run.forked.slice(4)) await worker.listen();
    await run.worker(1).exit();
    await run.clock.advance(60_000);
    for (const worker of run.forked.slice(4)) await worker.listen();
    expect(run.lines).toContain("all workers are replaced");
    expect(run.alive.size).toBe(3);
    for (const worker of run.alive) expect(worker.told).toEqual([]);
  });

  it("is reached again after several end, later each time where they end again", async () => {
    const run = supervise(3);
    await run.running();
    await run.worker(0).exit(1);
    await run.worker(1).exit(1);
    await run.clock.advance(100);
    expect(run.alive.size).toBe(3);
    await run.worker(3).exit(1);
    await run.worker(4).listen();
    await run.clock.advance(199);
    expect(run.alive.size).toBe(2);
    await run.clock.advance(1);
    expect(run.alive.size).toBe(3);
  });

  it("is reached again when a worker could not even be forked", async () => {
    const run = supervise(2);
    await run.running();
    await run.worker(0).exit(1);
    await run.clock.advance(100);
    delete run.worker(2).process.pid;
    run.worker(2).emit("error", new Error("spawn EAGAIN"));
    await settled();
    await run.clock.advance(200);
    expect(run.forked).toHaveLength(4);
  });

  it("is not sought when the first cannot start", async () => {
    const run = supervise(2);
    await run.worker(0).exit(3);
    await run.clock.advance(60_000);
    expect(run.ends).toEqual([3]);
    expect(run.forked).toHaveLength(1);
    expect(run.listeners()).toEqual([]);
  });
});

describe("rolling", () => {
  it("begins again where SIGHUP comes in the middle of it, once for however many", async () => {
    const run = supervise(2);
    await run.running();
    await run.signal("SIGHUP");
    await run.worker(2).listen();
    await run.worker(0).exit();
    for (let i = 0; i < 3; i++) await run.signal("SIGHUP");
    await run.worker(3).listen();
    await run.worker(1).exit();
    expect(run.forked).toHaveLength(5);
    for (const [successor, old] of [
      [4, 2],
      [5, 3],
    ] as const) {
      await run.worker(successor).listen();
      expect(run.worker(old).told).toEqual(["stop"]);
      await run.worker(old).exit();
    }
    expect(run.forked).toHaveLength(6);
    expect(run.alive).toEqual(new Set([run.worker(4), run.worker(5)]));
    expect(run.lines.filter((line) => line.includes("rolls again"))).toHaveLength(3);
    expect(run.lines.filter((line) => line === "all workers are replaced")).toHaveLength(2);
  });

  it("waits for the start to be over where SIGHUP comes before that", async () => {
    const run = supervise(2);
    await run.worker(0).listen();
    await run.signal("SIGHUP");
    expect(run.forked).toHaveLength(2);
    await run.worker(1).listen();
    expect(run.lines).toContain("the workers listen");
    expect(run.forked).toHaveLength(3);
  });

  it("replaces one that is just starting, which may have read the configuration before SIGHUP", async () => {
    const run = supervise(1);
    await run.running();
    await run.worker(0).exit(1);
    await run.clock.advance(100);
    await run.signal("SIGHUP");
    await run.worker(2).listen();
    await run.worker(1).listen();
    expect(run.worker(1).told).toEqual(["stop"]);
    await run.worker(1).exit();
    expect(run.alive).toEqual(new Set([run.worker(2)]));
  });

  it("stops where the configuration gets a mistake, says how far it came, and begins anew at the next SIGHUP", async () => {
    const run = supervise(3);
    await run.running();
    await run.signal("SIGHUP");
    await run.worker(3).listen();
    const err = new Error("no JSON");
    run.mistaken(err);
    await run.worker(0).exit();
    expect(run.forked).toHaveLength(4);
    expect(run.logged.at(-1)).toEqual({
      err,
      replaced: 1,
      workers: 3,
      message:
        "the configuration has mistakes: the roll stops here, the next SIGHUP replaces all of them",
    });
    await run.signal("SIGHUP");
    expect(run.forked).toHaveLength(4);
    expect(run.logged.at(-1)).toMatchObject({ err, replaced: 0, workers: 3 });
    run.mistaken();
    await run.signal("SIGHUP");
    for (const [successor, old] of [
      [4, 1],
      [5, 2],
      [6, 3],
    ] as const) {
      await run.worker(successor).listen();
      await run.worker(old).exit();
    }
    expect(run.alive).toEqual(new Set(run.forked.slice(4)));
    expect(run.lines.at(-1)).toBe("all workers are replaced");
  });

  it("stops where a new worker cannot start, whose predecessor stays", async () => {
    const run = supervise(2);
    await run.running();
    await run.signal("SIGHUP");
    await run.worker(2).exit(1);
    expect(run.logged.at(-1)).toMatchObject({ code: 1, replaced: 0, workers: 2 });
    await run.clock.advance(60_000);
    expect(run.alive).toEqual(new Set([run.worker(0), run.worker(1)]));
    for (const worker of run.alive) expect(worker.told).toEqual([]);
  });

  it("starts another where neither a worker nor its successor is left", async () => {
    const run = supervise(2);
    await run.running();
    await run.signal("SIGHUP");
    await run.worker(0).exit(null, "SIGKILL");
    await run.worker(2).exit(1);
    await run.clock.advance(100);
    expect(run.alive.size).toBe(2);
  });

  it("says once that another number of workers needs a restart", async () => {
    const run = supervise(2);
    await run.running();
    run.configured({ workers: 4 });
    await run.signal("SIGHUP");
    for (const index of [0, 1]) {
      await run.worker(2 + index).listen();
      await run.worker(index).exit();
    }
    expect(run.lines.at(-1)).toBe("all workers are replaced");
    expect(run.logged.filter(({ configured }) => configured !== undefined)).toEqual([
      {
        workers: 2,
        configured: 4,
        message: "another number of workers needs a restart: it stays as it is",
      },
    ]);
    expect(run.alive.size).toBe(2);
  });

  it("gives new workers as long to drain as the new configuration says", async () => {
    const run = supervise(1);
    await run.running();
    run.configured({ drainMs: 60_000 });
    await run.signal("SIGHUP");
    await run.worker(1).listen();
    await run.worker(0).exit();
    await run.signal("SIGTERM");
    await run.clock.advance(69_999);
    expect(run.worker(1).told).toEqual(["stop"]);
    await run.clock.advance(1);
    expect(run.worker(1).told).toEqual(["stop", "SIGKILL"]);
  });
});
