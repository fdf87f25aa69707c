/** Methods that one process can call in another, by name, each with one parameter and a result. */
export type Calls<Methods> = {
  readonly [Name in keyof Methods]: (params: never) => Promise<unknown>;
};

/** Parameter of one method; {@link ResultOf} is its result. */
export type ParamsOf<Method> = Method extends (params: infer Params) => unknown ? Params : never;
export type ResultOf<Method> = Method extends (params: never) => Promise<infer Result>
  ? Result
  : never;

/** Call that is sent to a child. */
export interface CallMessage {
  readonly id: number;
  readonly method: string;
  readonly params: unknown;
}

/** Answer of a child to the call with the same id. */
export type AnswerMessage =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: string };
