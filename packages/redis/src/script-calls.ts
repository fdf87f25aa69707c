import type { Script } from "./script.ts";

/**
 * Number of characters of all calls that wait to be answered, above which a call is rejected without being sent: 32 Mi. A
 * slow server must not fill the memory of a node.
 */
export const maxInFlight = 32 * 1_048_576;

interface Call {
  readonly script: Script;
  readonly keys: readonly string[];
  readonly args: readonly string[];
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly length: number;
}

/** Sends one command, an array that nobody else uses, and resolves with its answer. */
export type SendCommand = (command: string[]) => Promise<unknown>;

/**
 * Calls scripts by their digest and keeps the order of the calls, even when Redis has forgotten the scripts.
 *
 * After a NOSCRIPT reply, new calls are held back until all calls that were sent are answered. The missing
 * scripts are then loaded. The refused calls are sent again in their order, before the held ones.
 */
export class ScriptCalls {
  readonly #send: SendCommand;
  readonly #load: (script: Script) => Promise<void>;
  readonly #maxLength: number;
  #inFlight = 0;
  /** Number of characters of the calls that are not answered, held ones included. */
  #length = 0;
  #refused: Call[] = [];
  /** Calls made while scripts are being loaded. */
  #held: Call[] | undefined;

  constructor(
    send: SendCommand,
    load: (script: Script) => Promise<void>,
    maxLength: number = maxInFlight,
  ) {
    this.#maxLength = maxLength;
    this.#send = send;
    this.#load = load;
  }

  run(script: Script, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    let length = 0;
    for (const arg of args) length += arg.length;
    if (this.#length > 0 && this.#length + length > this.#maxLength) {
      return Promise.reject(new Error("too many bytes wait for Redis; retry later"));
    }
    this.#length += length;
    return new Promise((resolve, reject) => {
      const call = { script, keys, args, resolve, reject, length };
      if (this.#held === undefined) this.#start(call);
      else this.#held.push(call);
    });
  }

  #start(call: Call): void {
    const { script, keys, args } = call;
    this.#inFlight++;
    this.#send(["EVALSHA", script.sha, String(keys.length), ...keys, ...args]).then(
      (answer) => {
        this.#length -= call.length;
        call.resolve(answer);
        this.#settled();
      },
      (error: unknown) => {
        if (isNoScript(error)) {
          this.#refused.push(call);
          this.#held ??= [];
        } else {
          this.#length -= call.length;
          call.reject(error);
        }
        this.#settled();
      },
    );
  }

  #settled(): void {
    this.#inFlight--;
    if (this.#inFlight === 0 && this.#held !== undefined) void this.#recover();
  }

  async #recover(): Promise<void> {
    const refused = this.#refused;
    this.#refused = [];
    // Replies of one server come in the order of the calls, so the refused calls are still in order.
    try {
      for (const script of new Set(refused.map((call) => call.script))) await this.#load(script);
    } catch (error) {
      for (const call of refused) {
        this.#length -= call.length;
        call.reject(error);
      }
      refused.length = 0;
    }
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const call of refused) this.#start(call);
    for (const call of held) this.#start(call);
  }
}

function isNoScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("NOSCRIPT");
}
