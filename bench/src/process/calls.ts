/** What one process may ask of another: methods by name, each with one parameter and a result. */
export type Calls<Methods> = {
  readonly [Name in keyof Methods]: (params: never) => Promise<unknown>;
};

/** The parameter and the result of one method. */
export type ParamsOf<Method> = Method extends (params: infer Params) => unknown ? Params : never;
export type ResultOf<Method> = Method extends (params: never) => Promise<infer Result>
  ? Result
  : never;

/** A call on its way to a child. */
export interface CallMessage {
  readonly id: number;
  readonly method: string;
  readonly params: unknown;
}

/** A child's answer to the call of the same id. */
export type AnswerMessage =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: string };
