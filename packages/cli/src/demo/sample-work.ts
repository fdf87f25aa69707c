import { setTimeout as pause } from "node:timers/promises";
import type { Producer } from "@milepost/producer";

/** Work that the demo makes up. */
interface Sample {
  readonly kind: string;
  readonly title: string;
  readonly steps: readonly {
    readonly id: string;
    readonly title: string;
    readonly seconds: number;
  }[];
}

const samples: readonly Sample[] = [
  {
    kind: "index",
    title: "Index the manuals",
    steps: [
      { id: "scan", title: "Find files", seconds: 2 },
      { id: "read", title: "Read them", seconds: 6 },
      { id: "write", title: "Write the index", seconds: 3 },
    ],
  },
  {
    kind: "export",
    title: "Export the orders",
    steps: [
      { id: "query", title: "Ask the database", seconds: 3 },
      { id: "sheet", title: "Fill the sheet", seconds: 8 },
    ],
  },
  {
    kind: "render",
    title: "Render the preview",
    steps: [
      { id: "scene", title: "Load the scene", seconds: 2 },
      { id: "frames", title: "Render frames", seconds: 12 },
      { id: "encode", title: "Encode", seconds: 3 },
    ],
  },
];

const tickMs = 250;

/**
 * Runs the sample work of a user, each kind again and again, until the signal is aborted. Every third run of a kind fails, so
 * that there is something to retry.
 */
export async function workOn(producer: Producer, user: string, signal: AbortSignal): Promise<void> {
  const workers = samples.map((sample, i) => {
    let runs = i;
    return producer.worker<number, void>({
      kind: sample.kind,
      title: () => sample.title,
      steps: sample.steps.map(({ id, title, seconds }) => ({ id, title, weight: seconds })),
      retryable: true,
      async run(operation) {
        const fails = operation.attempt === 1 && ++runs % 3 === 0;
        for (const { id, seconds } of sample.steps) {
          await operation.step(id, async (step) => {
            const total = (seconds * 1_000) / tickMs;
            for (let done = 0; done <= total; done++) {
              step.progress({ done, total });
              await operation.pausePoint();
              await pause(tickMs, undefined, { signal: operation.signal });
              if (fails && done > total / 2) throw new Error("The disk is full");
            }
          });
        }
      },
    });
  });
  await Promise.all(
    workers.map(async (worker, i) => {
      await wait(i * 3_000, signal);
      while (!signal.aborted) {
        await worker.submit({ input: i, user }).finished;
        await wait(4_000, signal);
      }
    }),
  );
}

async function wait(ms: number, signal: AbortSignal): Promise<void> {
  await pause(ms, undefined, { signal }).catch(() => {});
}
