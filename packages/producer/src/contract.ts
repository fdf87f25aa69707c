import type {
  OperationInput,
  OperationKind,
  OperationResult,
  StepName,
  StepPlan,
  TextName,
} from "@milepost/model";
import type { AnyContract, Contract } from "@milepost/protocol";
import type { Operation } from "./operation.ts";
import type { WorkSpec } from "./tracked-operation.ts";
import type { WorkerOptions } from "./worker.ts";

/** Handle of an operation of kind `Kind`, with the steps and text streams that the contract names. */
export type OperationOf<C extends Contract, Kind extends string> = Operation<
  StepName<C, Kind>,
  TextName<C, Kind>
>;

/** Description of work of kind `Kind`. Its input and steps have the types of the contract. */
export type WorkOf<C extends Contract, Kind extends string> = Omit<
  WorkSpec,
  "kind" | "input" | "steps"
> & {
  readonly kind: Kind;
  readonly steps?: readonly StepPlan<StepName<C, Kind>>[];
} & InputField<OperationInput<C, Kind>>;

/** The `input` field: required where the contract defines an input for the kind, else optional. */
type InputField<Input> = [undefined] extends [Input]
  ? { readonly input?: Input }
  : unknown extends Input
    ? { readonly input?: Input }
    : { readonly input: Input };

/** Options of {@link Producer.run} and {@link Producer.start}. */
export type RunOptions<C extends Contract = AnyContract, Kind extends string = string> = WorkOf<
  C,
  Kind
> & {
  /** Signal of the caller. Aborting it cancels the work. */
  readonly signal?: AbortSignal;
};

/** Options of a worker for kind `Kind`, with the types of the contract. */
export type WorkerOf<C extends Contract, Kind extends string, Input, Result> = Omit<
  WorkerOptions<Input, Result>,
  "kind" | "run" | "steps" | "shownInput"
> & {
  readonly kind: Kind;
  readonly run: (operation: OperationOf<C, Kind>, input: Input) => Promise<Result>;
  readonly steps?: readonly StepPlan<StepName<C, Kind>>[];
} & ShownInput<Input, OperationInput<C, Kind>>;

/** The `shownInput` function: required where the contract defines an input for the kind, else optional. */
type ShownInput<Input, Shown> = [undefined] extends [Shown]
  ? { readonly shownInput?: (input: Input) => Shown }
  : unknown extends Shown
    ? { readonly shownInput?: (input: Input) => Shown }
    : { readonly shownInput: (input: Input) => Shown };

/** Function that does the work of kind `Kind` and returns the result that the contract defines. */
export type JobOf<
  C extends Contract,
  Kind extends OperationKind<C>,
  Result extends OperationResult<C, Kind>,
> = (operation: OperationOf<C, Kind>) => Promise<Result> | Result;
