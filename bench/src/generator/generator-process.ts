import { answerCalls } from "../process/answer-calls.ts";
import type { ConnectPlan } from "./connect-plan.ts";
import { DeafReaders, type DeafReport } from "./deaf-reader.ts";
import { DeliveryCount } from "./delivery-count.ts";
import { openReader, type Reader } from "./reader.ts";

/** Most connections that are being opened at the same time; below any listen backlog. */
const maxOpening = 100;

let count = new DeliveryCount();
let readers: Reader[] = [];
let opened = 0;
let deaf: DeafReaders | undefined;

const methods = {
  /** Opens `connections` more connections; resolves once all are subscribed. */
  async connect({ plan, connections }: { plan: ConnectPlan; connections: number }): Promise<void> {
    await openMany(connections, async (index) => {
      readers.push(await openReader(plan, index, count));
    });
  },

  /** Cuts all connections that read, all at the same time, and clears their counts. */
  async cut(): Promise<void> {
    count = new DeliveryCount();
    for (const reader of readers) reader.destroy();
    readers = [];
    opened = 0;
  },

  /**
   * Opens `connections` connections, each of which resumes from one of `places`, taken in turn; resolves once
   * all are subscribed.
   */
  async comeBack({
    plan,
    connections,
    places,
  }: {
    plan: ConnectPlan;
    connections: number;
    places: readonly { readonly seq: number; readonly cursor: string }[];
  }): Promise<void> {
    await openMany(connections, async (index) => {
      const place = places[index % places.length];
      if (place === undefined)
        throw new Error("places must hold at least one position to resume from");
      count.begin(index, place.seq);
      const path = `${plan.path}&last_event_id=${encodeURIComponent(place.cursor)}`;
      readers.push(await openReader({ ...plan, path }, index, count));
    });
  },

  /** Opens connections that never read; resolves once all are subscribed. */
  async connectDeaf({
    plan,
    connections,
    comesBack,
  }: {
    plan: ConnectPlan;
    connections: number;
    comesBack: boolean;
  }): Promise<void> {
    const others = new DeafReaders(plan, comesBack);
    deaf = others;
    await openMany(connections, (index) => others.open(index));
  },

  async deafReport(): Promise<DeafReport> {
    return deaf?.report ?? { ended: 0, cameBack: 0 };
  },

  async reset(): Promise<void> {
    count.reset();
  },

  /**
   * Waits until `delivered` publications have arrived since the last reset, or none has arrived for
   * `patienceMs` milliseconds.
   */
  async waitFor({ delivered, patienceMs }: { delivered: number; patienceMs: number }) {
    let before = -1;
    while (count.delivered < delivered && count.delivered > before) {
      before = count.delivered;
      for (let waited = 0; waited < patienceMs && count.delivered < delivered; waited += 10) {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
    return count.report();
  },
};

async function openMany(connections: number, open: (index: number) => Promise<unknown>) {
  const last = opened + connections;
  const openNext = async (): Promise<void> => {
    while (opened < last) {
      const index = opened;
      opened += 1;
      await open(index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(maxOpening, connections) }, openNext));
}

/** Methods that the benchmark's main process can call in the generator process. */
export type GeneratorMethods = typeof methods;

answerCalls(methods);
