import { setTimeout as pause } from "node:timers/promises";
import { secrets } from "../processes/gateway.ts";
import { type Answer, ask, type Version } from "./version.ts";

/** Outcome of the work of one version. */
export interface WorkEnd {
  /** Failures, one line each. */
  readonly faults: readonly string[];
  /** Amount of work. */
  readonly says: string;
}

/** Work that goes on until it is ended. */
export interface RunningWork {
  end(): Promise<WorkEnd>;
}

const operationMs = 3_000;
const ticketMs = 100;

/**
 * Starts operations and queue tickets, one of each after the other, with the producer of a version. Each operation asks a
 * question and waits for a command of its own; both come over HTTP through the same balancer. A worker of the version serves
 * the queue.
 */
export function startWork(version: Version, url: string, name: string): RunningWork {
  const { createProducer, httpGateway } = version.producer;
  // What the producer tries again is no fault; what it could not deliver makes `delivered` false.
  const producer = createProducer({
    gateway: httpGateway({ url, apiKey: secrets.apiKey }),
    // On a crowded machine a node takes longer to start than the usual 5 s.
    closingFlushMs: 60_000,
    onProblem: () => {},
  });
  let isEnding = false;
  const operations: { id: string; answer: unknown; isDelivered: boolean }[] = [];
  const faults: string[] = [];

  const operate = async (n: number) => {
    const id = `${name}-op-${n}`;
    const until = Date.now() + operationMs;
    let isResumed = false;
    const run = producer.start(
      { kind: "compat", operationId: id, steps: [{ id: "go" }] },
      (operation) =>
        operation.step("go", async (step) => {
          for (let done = 0; !isResumed || Date.now() < until; done++) {
            step.progress({ done });
            await operation.pausePoint();
            await pause(100);
          }
        }),
    );
    const path = `/v1/operations/${id}`;
    await run.created;
    await becomes(path, "running");
    const question = { kind: "approve", prompt: "Go on?", key: "go" };
    const asked = await persist(url, "POST", `${path}/questions`, question);
    const questionId = (asked.question as { id: string }).id;
    await persist(url, "POST", `${path}/commands`, { command: "pause", key: "pause" });
    await persist(url, "POST", `${path}/questions/${questionId}/answer`, { answer: true });
    const again = await persist(url, "POST", `${path}/questions`, question);
    await becomes(path, "paused");
    await persist(url, "POST", `${path}/commands`, { command: "resume", key: "resume" });
    isResumed = true;
    await run.finished;
    const isDelivered = await run.delivered;
    operations.push({ id, answer: (again.question as { answer?: unknown }).answer, isDelivered });
  };

  async function becomes(path: string, status: string): Promise<void> {
    for (let tries = 0; tries < 600; tries++) {
      const { operation } = (await persist(url, "GET", path)) as { operation: { status: string } };
      if (operation.status === status) return;
      await pause(100);
    }
    throw new Error(`${path} never became ${status}`);
  }

  const handled = new Map<string, number>();
  const queue = `compat-${name}`;
  const joined: string[] = [];
  const configured = persist(url, "PUT", `/v1/queues/${queue}`, {
    capacity: 2,
    lanes: { paid: 3, free: 1 },
  });
  const serving = configured.then(() =>
    producer.queue(queue).work({ concurrency: 2, leaseMs: 30_000 }, async (ticket) => {
      handled.set(ticket.id, (handled.get(ticket.id) ?? 0) + 1);
      await pause(ticketMs);
    }),
  );
  const joining = (async () => {
    await configured;
    for (let n = 0; !isEnding; n++) {
      const lane = n % 3 === 0 ? "paid" : "free";
      const body = { user: `${name}-${n}`, lane, key: `${name}-${n}` };
      joined.push(String((await persist(url, "POST", `/v1/queues/${queue}/tickets`, body)).id));
      await pause(ticketMs);
    }
  })();
  const operating = (async () => {
    for (let n = 0; !isEnding; n++) {
      await operate(n).catch((error: unknown) => faults.push(`${name}-op-${n}: ${error}`));
    }
  })();

  return {
    async end() {
      isEnding = true;
      await Promise.all([joining, operating]);
      for (const { id, answer, isDelivered } of operations) {
        const { operation } = (await persist(url, "GET", `/v1/operations/${id}`)) as {
          operation: { status: string; commands: { command: string; phase: string }[] };
        };
        const phases = operation.commands.map(({ command, phase }) => `${command} ${phase}`).join();
        const seen = `${operation.status}, ${phases}, answered ${answer}, delivered ${isDelivered}`;
        if (seen !== "done, pause done,resume done, answered true, delivered true") {
          faults.push(`${id} is ${seen}`);
        }
      }
      for (const id of joined) {
        const path = `/v1/queues/${queue}/tickets/${encodeURIComponent(id)}`;
        let status = "waiting";
        for (let tries = 0; tries < 300 && ["waiting", "running"].includes(status); tries++) {
          if (tries > 0) await pause(100);
          status = String((await persist(url, "GET", path)).status);
        }
        if (status !== "finished") faults.push(`ticket ${id} is ${status}`);
        if (handled.get(id) !== 1) faults.push(`ticket ${id} was served ${handled.get(id)} times`);
      }
      await (await serving).close();
      await producer.close();
      const says = `${operations.length} operations and ${joined.length} tickets of ${version.name}`;
      return { faults, says };
    },
  };
}

/** Asks until an answer comes that is no failure of the gateway. Throws for a refusal, and after 30 s. */
async function persist(
  url: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<Answer["body"]> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    try {
      const answer = await ask(url, method, path, body);
      if (answer.status < 300) return answer.body;
      if (answer.status < 500 && answer.status !== 429) {
        throw new Refused(`${method} ${path} was refused: ${JSON.stringify(answer.body)}`);
      }
    } catch (error) {
      if (error instanceof Refused || Date.now() > deadline) throw error;
    }
    if (Date.now() > deadline) throw new Error(`${method} ${path} was never answered`);
    await pause(100);
  }
}

class Refused extends Error {}
