"use client";
import type { OperationHandle } from "@milepost/client";
import { type AnswerOptions, openQuestions, type QuestionsView } from "@milepost/client/questions";
import type { Question } from "@milepost/model";
import { MilepostError } from "@milepost/protocol";
import { useCallback, useMemo, useState } from "react";
import { isHandle } from "./absent-operation.ts";
import { useClient } from "./provider.tsx";
import { openOrError, stillSource } from "./still-source.ts";
import { useNow } from "./use-now.ts";
import { useSelected } from "./use-selected.ts";

const loading: QuestionsView = {
  status: "loading",
  open: [],
  snoozed: [],
  settled: [],
  error: undefined,
};
const noAnswers: ReadonlySet<string> = new Set();

/** Question to which a call of {@link UsedQuestion} refers; without an id the current one. */
export interface QuestionChoice extends AnswerOptions {
  readonly id?: string;
}

/** Questions as a component sees them. */
export interface UsedQuestion extends QuestionsView {
  /** The current question: of those that wait and that this person may answer, the one asked first. */
  readonly question: Question | undefined;
  /** Ids of questions whose answer is on its way. */
  readonly answering: ReadonlySet<string>;
  /** Whole seconds to the deadline of the current question, by this device's clock; undefined without a deadline. */
  readonly secondsLeft: number | undefined;
  /**
   * Answers a question. Resolves with the question as it is then, and rejects with the gateway's error:
   * `already_answered` if somebody else was first, whose answer is in `settled` by then.
   */
  answer(value: unknown, choice?: QuestionChoice): Promise<Question>;
  /** Puts a question aside for this person: it stays open, and comes back after `forMs` (by default an hour). */
  notNow(forMs?: number, id?: string): Promise<Question>;
}

/**
 * Returns the open questions of an operation, by its id, its channel's name or its handle, live while the component is
 * mounted. Called without an argument, returns those that wait for this person, of whatever operation. Does nothing for
 * `null`. Never throws for an invalid id: the view has the `error`.
 */
export function useQuestion(operation?: string | OperationHandle | null): UsedQuestion {
  const client = useClient();
  const handle = useMemo(() => {
    if (operation === null) return undefined;
    if (operation === undefined) return openQuestions(client);
    const opened = openOrError(() =>
      openQuestions(client, isHandle(operation) ? operation.id : client.operation(operation).id),
    );
    return opened instanceof MilepostError
      ? { ...stillSource<QuestionsView>({ ...loading, status: "failed", error: opened }) }
      : opened;
  }, [client, operation]);
  const view = useSelected(handle ?? nowhere, (one) => one, loading);
  const [answering, setAnswering] = useState(noAnswers);
  const question = view.open.find(({ may_answer: may }) => may !== false);
  const now = useNow(question?.deadline_at !== undefined);
  const current = question?.id;

  const answer = useCallback(
    async (value: unknown, { id = current, ...options }: QuestionChoice = {}) => {
      if (handle === undefined || !("answer" in handle) || id === undefined)
        throw nothingToAnswer();
      setAnswering((before) => new Set(before).add(id));
      try {
        return await handle.answer(id, value, options);
      } finally {
        setAnswering((before) => new Set([...before].filter((one) => one !== id)));
      }
    },
    [handle, current],
  );
  const notNow = useCallback(
    async (forMs?: number, id = current) => {
      if (handle === undefined || !("notNow" in handle) || id === undefined)
        throw nothingToAnswer();
      return handle.notNow(id, forMs);
    },
    [handle, current],
  );
  const secondsLeft =
    question?.deadline_at === undefined ? undefined : secondsUntil(question.deadline_at, now);
  return { ...view, question, answering, secondsLeft, answer, notNow };
}

const nowhere = stillSource(loading);

function nothingToAnswer(): MilepostError {
  return new MilepostError("not_found", "there is no open question; wait for one, or pass its id");
}

/** Returns the whole seconds from `now` to a time, and 0 for one that has passed. */
export function secondsUntil(time: number, now: number): number {
  return Math.max(0, Math.ceil((time - now) / 1_000));
}
