import type { Question, QuestionList } from "@milepost/model";
import type { Client } from "../client.ts";
import { randomKeys } from "../runtime/random-keys.ts";

const newKey = randomKeys(Math.random);

/** Sends a request about questions. It is sent again after a lost connection, which is harmless for each of them. */
export async function request<Answer>(
  client: Client,
  method: string,
  params: object,
): Promise<Answer> {
  return (await client.request(method as never, params as never, { key: newKey() })) as Answer;
}

/** Requests questions: those of an operation, or the open ones of the person. */
export async function requestQuestions(
  client: Client,
  params: { readonly operation_id?: string },
): Promise<readonly Question[]> {
  return (await request<QuestionList>(client, "questions.list", params)).questions;
}
