import type { CreatedOperation } from "@milepost/model";
import type { MilepostError } from "@milepost/protocol";
import { ForeignAnswer, isTooLarge } from "./foreign-answer.ts";
import { asMilepostError } from "./problem.ts";
import type { Create } from "./sanitize-create.ts";
import {
  mayTakeLess,
  type Slimmer,
  slimmerCreate,
  slimmestCreate,
  withoutBelonging,
} from "./slimmer.ts";

/** Functions of the reporter that a creation uses. */
export interface OperationCreationParts {
  /** Calls the gateway once. */
  create(input: Create, signal: AbortSignal): Promise<CreatedOperation>;
  /** Called when the operation is, or will be, created without something; `leftOut` names it. */
  onLeftOut(error: MilepostError, leftOut: string): void;
}

/**
 * Creation of one operation at the gateway, with as much of its description as the gateway and everything in between
 * let pass.
 */
export class OperationCreation {
  readonly #parts: OperationCreationParts;
  #input: Create;
  /** Times that something in between refused to create the operation, and its last answer. */
  #foreignRefusals = 0;
  #foreignRefusal: ForeignAnswer | undefined;

  constructor(input: Create, parts: OperationCreationParts) {
    this.#input = input;
    this.#parts = parts;
  }

  /** Length of the lease that the operation asks for, in milliseconds; undefined for the gateway's own. */
  get leaseMs(): number | undefined {
    return this.#input.lease_ms;
  }

  /** Id of the producer, which the gateway names to whoever loses the lease to it. */
  get producerId(): string | undefined {
    return this.#input.producer_id;
  }

  /**
   * Creates the operation. If the gateway refuses it for something that it can do without, resolves to undefined,
   * and the next call creates it without that. Rejects with any other refusal.
   *
   * Something in between may dislike a text of it for good, or every request for a while. So every tenth try
   * after such a refusal has only what is needed, and loses the rest if it passes.
   */
  async attempt(signal: AbortSignal): Promise<CreatedOperation | undefined> {
    const isTenth = this.#foreignRefusals > 0 && this.#foreignRefusals % 10 === 0;
    const probe = isTenth ? slimmestCreate(this.#input) : undefined;
    const input = probe?.slim ?? this.#input;
    try {
      const created = await this.#parts.create(input, signal);
      if (probe !== undefined && this.#foreignRefusal !== undefined)
        this.#leaveOut(probe, this.#foreignRefusal);
      this.#foreignRefusals = 0;
      return created;
    } catch (thrown) {
      const error = asMilepostError(thrown);
      const isForeign = error instanceof ForeignAnswer;
      if (isForeign && error.isAboutRequest) {
        this.#foreignRefusals++;
        this.#foreignRefusal = error;
      }
      const mayHelp = isForeign
        ? isTooLarge(error, JSON.stringify(input).length)
        : mayTakeLess(error.code);
      const slimmer = mayHelp
        ? slimmerCreate(input, isForeign)
        : withoutBelonging(error.code, input);
      if (slimmer === undefined) throw error;
      this.#leaveOut(slimmer, error);
      return undefined;
    }
  }

  #leaveOut({ slim, leftOut }: Slimmer<Create>, error: MilepostError): void {
    this.#input = slim;
    this.#parts.onLeftOut(error, leftOut);
  }
}
