import { requireTargetFits, type Target, type TargetBounds, type Targets } from "@milepost/engine";
import type { Keys } from "./keys.ts";
import type { RedisClock } from "./redis-clock.ts";
import type { RedisLink } from "./redis-link.ts";
import { scripts } from "./script.ts";

/** Targets of all nodes. Redis keeps one key for each owner, and bounds the owners by its memory. */
export class RedisTargets implements Targets {
  readonly #link: RedisLink;
  readonly #keys: Keys;
  readonly #clock: RedisClock;

  constructor(link: RedisLink, keys: Keys, clock: RedisClock) {
    this.#link = link;
    this.#keys = keys;
    this.#clock = clock;
  }

  async put(
    owner: string,
    target: Target,
    { maxTargets, keepMs, isRenewal = false }: TargetBounds,
  ): Promise<boolean> {
    requireTargetFits(owner, target);
    // A renewal finds no room for a target that is not there.
    const most = isRenewal ? 0 : maxTargets;
    const rest = [target.value, Math.ceil(keepMs).toFixed(0), String(most)];
    return (await this.#run(owner, "put", fieldOf(target.id), ...rest)) === 1;
  }

  async list(owner: string): Promise<readonly Target[]> {
    const found = ((await this.#run(owner, "list", "")) as unknown[]).map(String);
    const targets: Target[] = [];
    for (let i = 0; i + 1 < found.length; i += 2) {
      targets.push({ id: JSON.parse(found[i] ?? '""') as string, value: found[i + 1] ?? "" });
    }
    return targets.sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  async remove(owner: string, id: string): Promise<boolean> {
    return (await this.#run(owner, "remove", fieldOf(id))) === 1;
  }

  #run(owner: string, action: "put" | "list" | "remove", ...rest: readonly string[]) {
    const args = [this.#clock.now(), action, ...rest];
    return this.#link.run(scripts.target, [this.#keys.targets(owner)], args);
  }
}

/** Returns the field of a target: JSON, since UTF-8 makes one text of all halves of surrogate pairs. */
function fieldOf(id: string): string {
  return JSON.stringify(id);
}
