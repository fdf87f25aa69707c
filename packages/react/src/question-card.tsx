"use client";
import type { Question } from "@milepost/model";
import { isRecord, MilepostError } from "@milepost/protocol";
import { type ReactNode, useId, useState } from "react";
import { AnswerForm } from "./answer-form.tsx";
import type { PeopleTexts } from "./people-texts.ts";
import { useNow } from "./use-now.ts";
import { secondsUntil, type UsedQuestion } from "./use-question.ts";

/** Returns an answer as people read it: yes or no, the title of an option, or the value. */
export function answerText(
  question: Pick<Question, "kind" | "options">,
  answer: unknown,
  texts: Pick<PeopleTexts, "yes" | "no">,
): string {
  if (question.kind === "approve") return answer === true ? texts.yes : texts.no;
  const option = question.options?.find(({ id }) => id === answer);
  if (option !== undefined) return option.title ?? option.id;
  if (typeof answer === "string") return answer;
  if (!isRecord(answer)) return JSON.stringify(answer);
  return Object.entries(answer)
    .map(([name, value]) => `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(", ");
}

/** Props of a {@link QuestionCard}. */
export interface QuestionCardProps {
  readonly question: Question;
  readonly used: Pick<UsedQuestion, "answer" | "notNow" | "answering">;
  readonly texts: PeopleTexts;
  /** Level of the heading; 3 by default. */
  readonly level?: 3 | 4;
}

/** One open question: its prompt, the controls for the answer, a comment, "not now" and the countdown. */
export function QuestionCard({ question, used, texts, level = 3 }: QuestionCardProps): ReactNode {
  const { id, prompt, title, deadline_at, default: standard } = question;
  const promptId = useId();
  const [comment, setComment] = useState("");
  const [failure, setFailure] = useState<string>();
  const busy = used.answering.has(id);
  const Heading = `h${level}` as const;
  const attempt = async (does: () => Promise<unknown>) => {
    setFailure(undefined);
    try {
      await does();
    } catch (error) {
      // The outcome of a question that is over is shown in its place.
      if (error instanceof MilepostError && settledCodes.has(error.code)) return;
      setFailure(error instanceof Error ? error.message : String(error));
    }
  };
  const send = (answer: unknown) =>
    void attempt(() => used.answer(answer, { id, ...(comment !== "" && { comment }) }));
  return (
    <article className="mp-question" data-kind={question.kind} aria-labelledby={promptId}>
      <p className="mp-question-about">{texts.askedBy(title)}</p>
      <Heading id={promptId} className="mp-question-prompt">
        {prompt}
      </Heading>
      {question.may_answer === false ? (
        <p className="mp-note">{texts.mayNotAnswer}</p>
      ) : (
        <>
          <AnswerForm
            question={question}
            texts={texts}
            busy={busy}
            promptId={promptId}
            send={send}
          />
          <Comment text={comment} texts={texts} onText={setComment} />
          <p className="mp-commands">
            <button
              type="button"
              className="mp-button mp-small"
              onClick={() => void attempt(() => used.notNow(undefined, id))}
            >
              {texts.notNow}
            </button>
          </p>
        </>
      )}
      {deadline_at !== undefined && (
        <Deadline
          at={deadline_at}
          otherwise={standard === undefined ? undefined : answerText(question, standard, texts)}
          texts={texts}
        />
      )}
      {failure !== undefined && (
        <p className="mp-error" role="alert">
          {texts.answerFailed(failure)}
        </p>
      )}
    </article>
  );
}

const settledCodes: ReadonlySet<string> = new Set(["already_answered", "not_possible_now"]);

function Comment({
  text,
  texts,
  onText,
}: {
  readonly text: string;
  readonly texts: PeopleTexts;
  readonly onText: (text: string) => void;
}): ReactNode {
  const id = useId();
  return (
    <details className="mp-comment">
      <summary>{texts.addComment}</summary>
      <label htmlFor={id} className="mp-hidden">
        {texts.comment}
      </label>
      <textarea
        id={id}
        rows={2}
        maxLength={1_000}
        value={text}
        onChange={(event) => onText(event.target.value)}
      />
    </details>
  );
}

/** Countdown. It is outside every live region, so that screen readers do not announce each second. */
function Deadline({
  at,
  otherwise,
  texts,
}: {
  readonly at: number;
  readonly otherwise: string | undefined;
  readonly texts: PeopleTexts;
}): ReactNode {
  const now = useNow(true);
  const seconds = secondsUntil(at, now);
  return (
    <p className="mp-deadline" data-soon={seconds <= 60 ? "" : undefined}>
      {texts.deadline(seconds, otherwise)}
    </p>
  );
}
