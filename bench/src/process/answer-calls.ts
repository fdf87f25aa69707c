import type { AnswerMessage, CallMessage } from "./calls.ts";

/**
 * Makes this process answer its parent's calls with `methods`, and end when the parent does.
 *
 * A method that rejects is answered with the error's text.
 */
export function answerCalls(
  methods: Readonly<Record<string, (params: never) => Promise<unknown>>>,
): void {
  const send = (answer: AnswerMessage) => process.send?.(answer);
  process.on("message", ({ id, method, params }: CallMessage) => {
    const call = methods[method] as ((params: unknown) => Promise<unknown>) | undefined;
    if (call === undefined) {
      send({ id, error: `no method ${method}` });
      return;
    }
    call(params).then(
      (result) => send({ id, result }),
      (error: unknown) => send({ id, error: error instanceof Error ? error.message : `${error}` }),
    );
  });
  // However the parent ends, also by a signal nobody can catch, nothing is left behind.
  process.on("disconnect", () => process.exit());
}
