import {
  foldOperation,
  isFinal,
  isSettled,
  type OperationCommand,
  type OperationState,
  type RequestedCommand,
  type SentInput,
} from "@milepost/model";
import {
  definedFields,
  isRecord,
  type MilepostError,
  readPosition,
  type Snapshot,
} from "@milepost/protocol";
import type { ChannelHandlers, SubscribeOptions, Subscription } from "../channel/channel.ts";
import { followReopening, type IdentitySource } from "../connection/identity.ts";
import { ChangeListeners } from "../runtime/listeners.ts";
import type { Reporter } from "../runtime/reporter.ts";
import { CommandError } from "./command-error.ts";
import { CommandPhases } from "./command-phases.ts";
import type { CommandOptions, InputOptions, MissedEntries, OperationView } from "./operation.ts";

/** Parts of the client that an operation uses. */
export interface OperationParts {
  readonly reporter: Reporter;
  readonly identity: IdentitySource;
  subscribe(name: string, handlers: ChannelHandlers, options: SubscribeOptions): Subscription;
  /** Sends a request about an operation, under a key, again if the connection is lost meanwhile. */
  request(
    method: "operations.command" | "operations.input",
    params: Readonly<Record<string, unknown>>,
    options: InputOptions,
  ): Promise<unknown>;
}

/**
 * Operation whose state is folded from its channel. The client subscribes while it has listeners. When listeners
 * return, it resumes after the last position.
 */
export class LiveOperation {
  readonly #id: string;
  readonly #parts: OperationParts;
  readonly #listeners: ChangeListeners;
  /** Last known state. It is kept when the gateway no longer knows the operation. */
  #state: OperationState | undefined;
  /** State that the next event continues; undefined while the gateway knows none. */
  #base: OperationState | undefined;
  readonly #phases = new Set<CommandPhases>();
  #answered = false;
  #error: MilepostError | undefined;
  #subscription: Subscription | undefined;
  #missed: MissedEntries | undefined;
  #view: OperationView | undefined;

  constructor(id: string, parts: OperationParts) {
    this.#id = id;
    this.#parts = parts;
    this.#listeners = new ChangeListeners(parts.reporter, () => this.#follow());
  }

  get state(): OperationState | undefined {
    return this.#state;
  }

  get view(): OperationView {
    this.#view ??= this.#refresh();
    return this.#view;
  }

  subscribe(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  async input(data: unknown, options: InputOptions = {}): Promise<SentInput> {
    const params = { operation_id: this.#id, data };
    return (await this.#parts.request("operations.input", params, options)) as SentInput;
  }

  finished({ signal }: { readonly signal?: AbortSignal } = {}): Promise<OperationState> {
    return this.#until((state) => (isFinal(state.status) ? state : undefined), signal);
  }

  async command(name: string, options: CommandOptions = {}): Promise<OperationCommand> {
    // The subscription starts before the command is sent, so that no phase of the command is missed.
    const stop = this.subscribe(() => {});
    const phases = new CommandPhases(options, this.#parts.reporter);
    this.#phases.add(phases);
    try {
      const { args } = options;
      const params = { operation_id: this.#id, command: name, ...definedFields({ args }) };
      const sent = await this.#parts.request("operations.command", params, options);
      const { command_id: id } = sent as RequestedCommand;
      phases.follow(id, this.#state?.commands ?? []);
      const outcome = await this.#until((state) => {
        const command = state.commands.find((one) => one.id === id);
        return command !== undefined && isSettled(command.phase) ? command : undefined;
      }, options.signal);
      phases.report(outcome);
      if (outcome.phase !== "done") throw new CommandError(outcome);
      return outcome;
    } finally {
      this.#phases.delete(phases);
      stop();
    }
  }

  /**
   * Resolves with the first value other than undefined that `look` returns for the operation's state. Rejects
   * when the subscription fails or the signal aborts.
   */
  #until<Answer>(
    look: (state: OperationState) => Answer | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const end = (settle: () => void) => {
        stop();
        signal?.removeEventListener("abort", onAbort);
        settle();
      };
      const onAbort = () => end(() => reject(signal?.reason));
      const check = () => {
        const answer = this.#state && look(this.#state);
        if (answer !== undefined) end(() => resolve(answer));
        else if (this.#error !== undefined) {
          const error = this.#error;
          end(() => reject(error));
        }
      };
      const stop = this.subscribe(check);
      signal?.addEventListener("abort", onAbort);
      check();
    });
  }

  /** Subscribes to the operation. Returns a function that closes the subscription. */
  #follow(): () => void {
    this.#start();
    const unfollow = followReopening(this.#parts.identity, () => {
      if (this.#subscription?.state === "failed") this.#start();
    });
    return () => {
      unfollow();
      this.#subscription?.close();
      this.#changed();
    };
  }

  #start(): void {
    this.#error = undefined;
    const since = this.#subscription?.position;
    this.#subscription = this.#parts.subscribe(
      `operation:${this.#id}`,
      {
        onEvent: ({ event, data, ts, position }) => {
          const offset = readPosition(position)?.offset;
          if (offset === undefined) return;
          this.#become(foldOperation(this.#base, { event, data, ts, offset }));
          if (event === "command" && isRecord(data)) this.#tellPhases(data.command_id);
          this.#changed();
        },
        onSnapshot: ({ snapshot }) => this.#replace(snapshot),
        onReset: ({ snapshot, reason }) => {
          this.#missed = { reason, replaced: true };
          this.#replace(snapshot);
        },
        onGap: ({ reason }) => {
          this.#missed = { reason, replaced: false };
          this.#changed();
        },
        onState: (state) => {
          this.#answered ||= state === "live";
          this.#changed();
        },
        onError: (error) => {
          this.#error = error;
          this.#changed();
        },
      },
      // With a known state, the operation resumes from its position. Without one, the gateway sends a snapshot
      // first.
      this.#base === undefined ? {} : definedFields({ since }),
    );
    this.#changed();
  }

  #tellPhases(id: unknown): void {
    const command = this.#state?.commands.find((one) => one.id === id);
    if (command !== undefined) for (const phases of this.#phases) phases.report(command);
  }

  #replace({ projection, state }: Snapshot): void {
    const isState =
      projection === "operation" && isRecord(state) && typeof state.status === "string";
    // The gateway folds with the same reducer, so its state replaces the local one.
    this.#become(isState ? (state as unknown as OperationState) : undefined);
    this.#changed();
  }

  #become(state: OperationState | undefined): void {
    this.#base = state;
    if (state !== undefined) this.#state = state;
  }

  #changed(): void {
    this.#view = undefined;
    this.#listeners.changed();
  }

  #refresh(): OperationView {
    const error = this.#error;
    const phase = this.#subscription?.state;
    if (this.#state !== undefined) {
      const stale = phase !== "live" || this.#base === undefined;
      const missed = definedFields({ missed: this.#missed });
      return { kind: "ready", state: this.#state, stale, ...missed };
    }
    if (error !== undefined) return { kind: "error", error };
    if (phase === "pending") return { kind: "pending" };
    return { kind: this.#answered ? "missing" : "loading" };
  }
}
