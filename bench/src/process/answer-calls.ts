import type { AnswerMessage, CallMessage } from "./calls.ts";

/**
 * Answers the parent process's calls with `methods`, and ends this process when the parent ends.
 *
 * When a method rejects, the answer is the error's text.
 */
export function answerCalls(
  methods: Readonly<Record<string, (params: never) => Promise<unknown>>>,
): void {
  const send = (answer: AnswerMessage) => process.send?.(answer);
  process.on("message", ({ id, method, params }: CallMessage) => {
    const call = methods[method] as ((params: unknown) => Promise<unknown>) | undefined;
    if (call === undefined) {
      send({ id, error: `this process has no method ${method}` });
      return;
    }
    call(params).then(
      (result) => send({ id, result }),
      (error: unknown) => send({ id, error: error instanceof Error ? error.message : `${error}` }),
    );
  });
  // The disconnect also follows when the parent dies of a signal that cannot be caught, so no child outlives
  // it.
  process.on("disconnect", () => process.exit());
}
