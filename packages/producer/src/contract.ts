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

/** The handle of an operation of this kind. */
export type OperationOf<C extends Contract, Kind extends string> = Operation<
  StepName<C, Kind>,
  TextName<C, Kind>
>;

/** What work of this kind is announced as. */
export type WorkOf<C extends Contract, Kind extends string> = Omit<
  WorkSpec,
  "kind" | "input" | "steps"
> & {
  readonly kind: Kind;
  readonly steps?: readonly StepPlan<StepName<C, Kind>>[];
} & InputField<OperationInput<C, Kind>>;

/** The input must be given where the contract wants one. */
type InputField<Input> = [undefined] extends [Input]
  ? { readonly input?: Input }
  : unknown extends Input
    ? { readonly input?: Input }
    : { readonly input: Input };

/** What to run once. */
export type RunOptions<C extends Contract = AnyContract, Kind extends string = string> = WorkOf<
  C,
  Kind
> & {
  /** Aborting it cancels the work. */
  readonly signal?: AbortSignal;
};

/** What a worker of this kind does. */
export type WorkerOf<C extends Contract, Kind extends string, Input, Result> = Omit<
  WorkerOptions<Input, Result>,
  "kind" | "run" | "steps" | "shownInput"
> & {
  readonly kind: Kind;
  readonly run: (operation: OperationOf<C, Kind>, input: Input) => Promise<Result>;
  readonly steps?: readonly StepPlan<StepName<C, Kind>>[];
} & ShownInput<Input, OperationInput<C, Kind>>;

/** What watchers see of the input must be made where the contract wants an input. */
type ShownInput<Input, Shown> = [undefined] extends [Shown]
  ? { readonly shownInput?: (input: Input) => Shown }
  : unknown extends Shown
    ? { readonly shownInput?: (input: Input) => Shown }
    : { readonly shownInput: (input: Input) => Shown };

/** A job that results in what the contract says of its kind. */
export type JobOf<
  C extends Contract,
  Kind extends OperationKind<C>,
  Result extends OperationResult<C, Kind>,
> = (operation: OperationOf<C, Kind>) => Promise<Result> | Result;
