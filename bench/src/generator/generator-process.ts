import { answerCalls } from "../process/answer-calls.ts";
import type { ConnectPlan } from "./connect-plan.ts";
import { DeafReaders, type DeafReport } from "./deaf-reader.ts";
import { DeliveryCount } from "./delivery-count.ts";
import { openReader, type Reader } from "./reader.ts";

/** How many connections may be in the making at once: below any listen backlog. */
const maxOpening = 100;

let count = new DeliveryCount();
let readers: Reader[] = [];
let opened = 0;
let deaf: DeafReaders | undefined;

const methods = {
  /** Opens `connections` more, and resolves when all are subscribed. */
  async connect({ plan, connections }: { plan: ConnectPlan; connections: number }): Promise<void> {
    await openMany(connections, async (index) => {
      readers.push(await openReader(plan, index, count));
    });
  },

  /** Cuts all connections that read, at once; what they counted is forgotten. */
  async cut(): Promise<void> {
    count = new DeliveryCount();
    for (const reader of readers) reader.destroy();
    readers = [];
    opened = 0;
  },

  /** Opens so many, each with a place to go on from, by turns; resolves when all are subscribed. */
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
      if (place === undefined) throw new Error("there is no place to go on from");
      count.begin(index, place.seq);
      const path = `${plan.path}&last_event_id=${encodeURIComponent(place.cursor)}`;
      readers.push(await openReader({ ...plan, path }, index, count));
    });
  },

  /** Opens connections that never read; resolves when all are subscribed. */
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

  /** Waits until `delivered` have arrived since the last reset, or none did for `patienceMs`. */
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

/** What the generator does for the conductor. */
export type GeneratorMethods = typeof methods;

answerCalls(methods);
