import type { OperationCommandName } from "@milepost/model";
import { makeToken, readToken } from "../credential.ts";
import { SeededRandom } from "../seeded-random.ts";
import { ProcessClock } from "../virtual-time.ts";
import type { World } from "./world.ts";

/**
 * User who sends commands to work in progress, and repeats a command with the same key when it is not answered.
 */
export class Commander {
  readonly #world: World;
  readonly #random: SeededRandom;
  readonly #clock: ProcessClock;
  #asked = 0;

  constructor(world: World) {
    this.#world = world;
    this.#random = SeededRandom.named(world.seed, "commander");
    this.#clock = new ProcessClock(world.time);
  }

  async command(user: string, operation: string, command: OperationCommandName): Promise<void> {
    const { journal, nodes } = this.#world;
    const key = `command-${++this.#asked}`;
    const asked = { type: "command", operation, user, key, command } as const;
    const principal = readToken(makeToken(user, undefined), 0);
    for (let attempt = 1; attempt <= 4; attempt++) {
      const core = this.#random.pick(nodes.filter(({ isUp }) => isUp))?.core;
      try {
        const made = await core?.operations.command(principal, operation, { command, key });
        if (made !== undefined) {
          journal.add({ ...asked, command_id: made.command_id });
          // A repeated request with the same key must return the same command.
          if (!this.#random.chance(0.3)) return;
        }
      } catch (error) {
        const { code = "", retryable = false } = error as { code?: string; retryable?: boolean };
        if (code === "" || code === "internal") this.#world.onDefect(error);
        journal.add({ ...asked, code });
        if (!retryable) return;
      }
      await this.#clock.pause(this.#random.between(200, 2_000));
    }
  }

  close(): void {
    this.#clock.kill();
  }
}
