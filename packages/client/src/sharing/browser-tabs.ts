import type { ClientClock } from "../runtime/clock.ts";
import { BroadcastLocks } from "./broadcast-locks.ts";
import type { HeldLock, TabChannel, TabLocks, Tabs } from "./tabs.ts";

/**
 * Returns the browser's means to reach the other tabs of this origin; undefined where there are none.
 *
 * A page that was not loaded over HTTPS has no Web Locks, and some private modes refuse them. Locks are then kept
 * by messages.
 */
export async function browserTabs(
  clock: ClientClock,
  random: () => number,
): Promise<Tabs | undefined> {
  // A page with an opaque origin, such as a sandboxed frame, is alone in it.
  if (typeof BroadcastChannel !== "function" || globalThis.origin === "null") return undefined;
  try {
    const locks = await webLocks();
    return {
      locks: locks ?? new BroadcastLocks(broadcastChannel, clock, random),
      channel: broadcastChannel,
      onFreeze,
      digest,
    };
  } catch {
    return undefined;
  }
}

function broadcastChannel(
  name: string,
  onMessage: (message: Record<string, unknown>) => void,
): TabChannel {
  const channel = new BroadcastChannel(name);
  // Node has channels too, and a test of a page there should not wait for one.
  if ("unref" in channel && typeof channel.unref === "function") channel.unref();
  let isOpen = true;
  channel.onmessage = ({ data }) => onMessage(data);
  return {
    // A closed channel would throw. What is posted to it concerns nobody any more.
    post: (message) => isOpen && channel.postMessage(message),
    close() {
      isOpen = false;
      channel.close();
    },
  };
}

async function webLocks(): Promise<TabLocks | undefined> {
  const manager = globalThis.navigator?.locks;
  if (manager === undefined) return undefined;
  const request = (name: string, options: LockOptions) =>
    new Promise<HeldLock | undefined>((resolve, reject) => {
      let steal = () => {};
      const stolen = new Promise<void>((settle) => {
        steal = settle;
      });
      manager
        .request(name, options, (lock) => {
          if (lock === null) resolve(undefined);
          else return new Promise<void>((release) => resolve({ stolen, release }));
        })
        .catch((error) => {
          // Before the grant this rejects the request; after it, the lock was stolen.
          reject(error);
          steal();
        });
    });
  const locks: TabLocks = {
    async wait(name, signal) {
      const lock = await request(name, { signal });
      if (lock === undefined) throw new Error("no lock granted");
      return lock;
    },
    tryTake: (name) => request(name, { ifAvailable: true }),
    async break(name) {
      await manager.request(name, { steal: true }, () => {});
    },
  };
  try {
    const probe = await locks.tryTake(`milepost:probe:${crypto.randomUUID()}`);
    probe?.release();
    return locks;
  } catch {
    return undefined;
  }
}

/** A page that is frozen, or kept for a return to it, must not keep what others wait for. */
function onFreeze(listener: () => void): () => void {
  const listening = new AbortController();
  const { signal } = listening;
  globalThis.document?.addEventListener("freeze", listener, { signal });
  globalThis.addEventListener?.("pagehide", listener, { signal });
  return () => listening.abort();
}

async function digest(secret: string): Promise<string> {
  // Without HTTPS there is no Web Crypto. The names of channels cannot be listed, so the text stays private.
  if (globalThis.crypto?.subtle === undefined) return secret;
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(secret));
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
