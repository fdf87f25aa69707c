import type { Clock } from "../ports/clock.ts";
import type { Held, Holding, Holdings } from "../ports/holdings.ts";

interface Item {
  bytes: number;
  until: number;
}

interface Account {
  readonly items: Map<string, Item>;
  bytes: number;
}

/** Holdings of one process. Each call also looks at the account that was looked at longest ago, so no timer is needed. */
export class MemoryHoldings implements Holdings {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #accounts = new Map<string, Account>();

  constructor(clock: Pick<Clock, "monotonic">) {
    this.#clock = clock;
  }

  async hold(owner: string, holdings: readonly Holding[], maxItems: number): Promise<Held> {
    const now = this.#clock.monotonic();
    this.#forgetOne(now);
    const account = this.#accounts.get(owner) ?? { items: new Map(), bytes: 0 };
    forget(account, now);
    let refused = 0;
    for (const { item, bytes, maxBytes, keepMs } of holdings) {
      const known = account.items.get(item);
      if (known === undefined && account.items.size >= maxItems) {
        refused++;
        continue;
      }
      const before = known?.bytes ?? 0;
      const after = Math.max(before, Math.min(maxBytes, before + bytes));
      const until = Math.max(known?.until ?? 0, now + keepMs);
      account.items.set(item, { bytes: after, until });
      account.bytes += after - before;
    }
    if (account.items.size > 0) this.#accounts.set(owner, account);
    return { items: account.items.size, bytes: account.bytes, refused };
  }

  #forgetOne(now: number): void {
    const [oldest] = this.#accounts;
    if (oldest === undefined) return;
    const [owner, account] = oldest;
    forget(account, now);
    this.#accounts.delete(owner);
    if (account.items.size > 0) this.#accounts.set(owner, account);
  }
}

function forget(account: Account, now: number): void {
  for (const [name, { bytes, until }] of account.items) {
    if (until > now) continue;
    account.items.delete(name);
    account.bytes -= bytes;
  }
}
