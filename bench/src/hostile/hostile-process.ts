import { answerCalls } from "../process/answer-calls.ts";
import type { Tally } from "./arena.ts";
import { type AttackName, attacks } from "./attacks.ts";

const methods = {
  /** Runs an attack for some seconds; resolves with its counts. */
  async attack({
    name,
    port,
    token,
    apiKey,
    seconds,
  }: {
    name: AttackName;
    port: number;
    token: string;
    apiKey: string;
    seconds: number;
  }): Promise<Tally> {
    const tally: Tally = { bytes: 0, opened: 0, ended: 0 };
    const over = AbortSignal.timeout(seconds * 1_000);
    await attacks[name].run({ port, token, apiKey, over, tally });
    return tally;
  },
};

/** Methods that the benchmark's main process can call in the attacker's process. */
export type HostileMethods = typeof methods;

answerCalls(methods);
