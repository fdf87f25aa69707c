import type { World } from "./world.tsx";

/** Answers the oldest unanswered request of a method, and returns its parameters. Fails if the client sent none. */
export async function answerRequest(
  { gateway, after }: World,
  method: string,
  result: object,
): Promise<unknown> {
  let params: unknown;
  await after(async () => {
    const { sent } = gateway.last;
    const index = sent.findIndex((one) => one.type === "request" && one.method === method);
    const [message] = index < 0 ? [] : sent.splice(index, 1);
    if (message === undefined) throw new Error(`the client sent no ${method}`);
    params = (message as { readonly params?: unknown }).params;
    await gateway.last.reply(message as { id: number }, result);
  });
  return params;
}
