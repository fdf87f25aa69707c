import { EventEmitter } from "node:events";
import { ManualClock } from "@milepost/engine/testing";
import { describe, expect, it } from "vitest";
import type { ProcessPort } from "./serve.ts";
import type { WorkerPort } from "./supervised-worker.ts";
import { Supervisor } from "./supervisor.ts";

/** Worker that listens and exits when the test says so, and records the messages and signals it receives. */
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

  send(message: unknown): void {
    if (typeof message === "string") this.told.push(message);
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

/** Resolves once all callbacks of promises that are already settled have run. */
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
  // The names of events have a test of their own, `documented-logs.test.ts`.
  const write = ({ event, ...fields }: Record<string, unknown>, message: string) => {
    expect(event).toMatch(/^(process|workers?)\.[a-z_]+$/);
    lines.push(message);
    logged.push({ ...fields, message });
  };
  let mistake: Error | undefined;
  let configured = { workers: count, drainMs: 1_000 };
  const ends: number[] = [];
  const supervisor = new Supervisor({
    count,
    drainMs: 1_000,
    reload: async () => {
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
    /** Changes the settings that a reload of the configuration returns from now on. */
    configured(settings: Partial<typeof configured>) {
      configured = { ...configured, ...settings };
    },
    /**
     * Makes every reload of the configuration throw this error from now on; without an error, reloads succeed
     * again.
     */
    mistaken(by?: Error) {
      mistake = by;
    },
    /** Exit code that the supervisor ended with; empty while it runs. */
    ends,
    worker,
    signal(name: "SIGTERM" | "SIGINT" | "SIGHUP") {
      host.emit(name, name);
      return settled();
    },
    listeners: () => host.eventNames(),
    /** Makes all workers listen and waits for the start. */
    async running() {
      for (let i = 0; i < count; i++) await worker(i).listen();
      await started;
    },
  };
}

describe("stopping workers", () => {
  it("SIGTERM while the first worker starts ends it as soon as it listens, and no other worker is forked", async () => {
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

  it("SIGTERM waits for workers that are still starting and ends each as soon as it listens", async () => {
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

  it("during a stop, a worker that exits before it is listening counts as ended and is not restarted", async () => {
    const run = supervise(2);
    await run.worker(0).listen();
    await run.signal("SIGINT");
    await run.worker(0).exit();
    await run.worker(1).exit(null, "SIGINT");
    await run.clock.advance(60_000);
    expect(run.ends).toEqual([0]);
    expect(run.forked).toHaveLength(2);
  });

  it("SIGTERM ends a replacement worker that is still starting as soon as it listens", async () => {
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

  it("SIGTERM cancels a replacement worker that is scheduled for later", async () => {
    const run = supervise(2);
    await run.running();
    await run.worker(1).exit(1);
    await run.signal("SIGTERM");
    await run.worker(0).exit();
    expect(run.ends).toEqual([0]);
    expect(run.clock.pendingTimers).toBe(0);
  });

  it("SIGTERM during a rolling restart ends the starting successor, and no other worker is forked", async () => {
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

  it("a worker that neither listens nor ends is killed after the drain plus 10 s", async () => {
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

  it("a second SIGTERM kills all workers, also those still starting, and the supervisor exits with 1", async () => {
    const run = supervise(2);
    await run.worker(0).listen();
    await run.signal("SIGTERM");
    await run.signal("SIGTERM");
    expect(run.worker(0).told).toEqual(["stop", "SIGKILL"]);
    expect(run.worker(1).told).toEqual(["SIGKILL"]);
    for (const index of [0, 1]) await run.worker(index).exit(null, "SIGKILL");
    expect(run.ends).toEqual([1]);
  });

  it("the supervisor exits with 1 when a worker that has listened does not stop cleanly", async () => {
    const run = supervise(2);
    await run.running();
    await run.signal("SIGTERM");
    await run.worker(0).exit(1);
    await run.worker(1).exit(0);
    expect(run.ends).toEqual([1]);
  });
});

describe("the number of workers", () => {
  it("when a worker ends during the start, before it listens, the log says how many workers listen", async () => {
    const run = supervise(3);
    await run.worker(0).listen();
    await run.worker(1).exit(1);
    await run.worker(2).listen();
    const message = "some of the workers do not listen yet; they are restarted";
    expect(run.logged.at(-1)).toEqual({ workers: 2, configured: 3, port: 4_000, message });
    await run.clock.advance(100);
    await run.worker(3).listen();
    expect(run.alive.size).toBe(3);
    expect(run.lines).not.toContain("the workers listen");
  });

  it("all workers are logged as listening when a replacement listens while another worker still starts", async () => {
    const run = supervise(3);
    await run.worker(0).listen();
    await run.worker(1).exit(1);
    await run.clock.advance(100);
    await run.worker(3).listen();
    await run.worker(2).listen();
    expect(run.logged.at(-1)).toEqual({ workers: 3, port: 4_000, message: "the workers listen" });
  });

  it("the number of workers is restored when a worker dies while its successor starts", async () => {
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

  it("the number of workers is restored when a worker dies before its turn in a rolling restart", async () => {
    const run = supervise(3);
    await run.running();
    await run.signal("SIGHUP");
    await run.worker(2).exit(null, "SIGKILL");
    await run.clock.advance(100);
    // The successor of the first worker stands in for the killed worker until the first worker is asked to end.
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

  it("the number of workers is restored after several exits, with a longer delay when they exit again", async () => {
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

  it("the number of workers is restored when a worker could not be forked", async () => {
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

  it("no worker is restarted when the first one cannot start, and its exit code is returned", async () => {
    const run = supervise(2);
    await run.worker(0).exit(3);
    await run.clock.advance(60_000);
    expect(run.ends).toEqual([3]);
    expect(run.forked).toHaveLength(1);
    expect(run.listeners()).toEqual([]);
  });
});

describe("rolling restarts", () => {
  it("SIGHUP during a rolling restart causes one more afterwards, however many signals arrive", async () => {
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
    expect(run.lines.filter((line) => line.includes("a rolling restart follows it"))).toHaveLength(
      3,
    );
    expect(run.lines.filter((line) => line === "all workers are replaced")).toHaveLength(2);
  });

  it("SIGHUP during the start causes a rolling restart once all workers listen", async () => {
    const run = supervise(2);
    await run.worker(0).listen();
    await run.signal("SIGHUP");
    expect(run.forked).toHaveLength(2);
    await run.worker(1).listen();
    expect(run.lines).toContain("the workers listen");
    expect(run.forked).toHaveLength(3);
  });

  it("a rolling restart replaces a worker that is still starting, because it may have read the old configuration", async () => {
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

  it("a rolling restart stops at a configuration mistake and logs its progress; the next SIGHUP replaces all workers", async () => {
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
        "the configuration has mistakes: the rolling restart stops here; the next SIGHUP replaces all workers",
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

  it("a rolling restart stops when a new worker cannot start, and the old workers stay", async () => {
    const run = supervise(2);
    await run.running();
    await run.signal("SIGHUP");
    await run.worker(2).exit(1);
    expect(run.logged.at(-1)).toMatchObject({ code: 1, replaced: 0, workers: 2 });
    await run.clock.advance(60_000);
    expect(run.alive).toEqual(new Set([run.worker(0), run.worker(1)]));
    for (const worker of run.alive) expect(worker.told).toEqual([]);
  });

  it("the supervisor starts another worker when a worker and its successor have both ended", async () => {
    const run = supervise(2);
    await run.running();
    await run.signal("SIGHUP");
    await run.worker(0).exit(null, "SIGKILL");
    await run.worker(2).exit(1);
    await run.clock.advance(100);
    expect(run.alive.size).toBe(2);
  });

  it("a rolling restart logs once that a changed number of workers needs a restart", async () => {
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
        message:
          "the configured number of workers takes effect only after a restart; it stays as it is now",
      },
    ]);
    expect(run.alive.size).toBe(2);
  });

  it("a new worker may drain for as long as the new configuration allows", async () => {
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
