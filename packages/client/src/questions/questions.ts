import type { Client } from "../client.ts";
import type { AnyContract, Contract } from "../contract.ts";
import { LiveQuestions } from "./live-questions.ts";
import { operationQuestions, personQuestions, type QuestionSource } from "./question-source.ts";
import type { QuestionsHandle } from "./questions-view.ts";

export type { AnswerOptions, QuestionsHandle, QuestionsView } from "./questions-view.ts";

const handles = new WeakMap<object, Map<string, WeakRef<LiveQuestions>>>();

/**
 * Returns the questions of an operation, or without an id those that wait for the client's person, of whatever operation.
 * Calls with the same client and id return the same object.
 */
export function openQuestions<C extends Contract = AnyContract>(
  client: Client<C>,
  operationId?: string,
): QuestionsHandle {
  // Internally methods are names; the caller's contract provides their types.
  const plain = client as unknown as Client;
  const ofClient = handles.get(client) ?? new Map<string, WeakRef<LiveQuestions>>();
  handles.set(client, ofClient);
  const name = operationId === undefined ? "" : `operation:${operationId}`;
  const known = ofClient.get(name)?.deref();
  if (known !== undefined) return known;
  for (const [key, one] of ofClient) if (one.deref() === undefined) ofClient.delete(key);
  const source: QuestionSource =
    operationId === undefined ? personQuestions(plain) : operationQuestions(plain, operationId);
  const live = new LiveQuestions(plain, source);
  ofClient.set(name, new WeakRef(live));
  return live;
}
