"use client";
import type { OperationHandle } from "@milepost/client";
import { type ReactNode, useEffect, useId, useMemo, useRef, useState } from "react";
import { englishPeopleTexts, type PeopleTexts } from "./people-texts.ts";
import { answerText, QuestionCard } from "./question-card.tsx";
import { type UsedQuestion, useQuestion } from "./use-question.ts";

/** Props of a {@link QuestionPanel}. */
export interface QuestionPanelProps {
  /** Operation whose questions are shown; without it, those that wait for this person, of whatever operation. */
  readonly operation?: string | OperationHandle | null;
  /** Texts to use instead of the English ones. */
  readonly texts?: Partial<PeopleTexts>;
  readonly className?: string;
}

/**
 * Panel with the open questions of an operation, or of the person, and the controls to answer them. What has become of
 * the latest ones is below: who answered what.
 *
 * Styles come from `@milepost/react/status-panel.css`. Screen readers hear of a new question and of an outcome, not of
 * the countdown. When somebody else answers a question that has the focus, the focus moves to the panel.
 */
export function QuestionPanel({
  operation,
  texts: given,
  className,
}: QuestionPanelProps): ReactNode {
  const texts = useMemo(() => ({ ...englishPeopleTexts, ...given }), [given]);
  const used = useQuestion(operation);
  const heading = useId();
  return (
    <section
      className={className === undefined ? "mp-panel" : `mp-panel ${className}`}
      aria-labelledby={heading}
      data-view={used.status}
    >
      <h2 id={heading} className="mp-title">
        {texts.questions}
      </h2>
      {used.status === "live" && used.open.length === 0 && (
        <p className="mp-absence">{texts.noQuestions}</p>
      )}
      <QuestionList used={used} texts={texts} />
    </section>
  );
}

const shownOutcomes = 3;

/** List of questions and outcomes, within a panel. */
export function QuestionList({
  used,
  texts,
  level = 3,
}: {
  readonly used: UsedQuestion;
  readonly texts: PeopleTexts;
  readonly level?: 3 | 4;
}): ReactNode {
  const { status, open, settled, snoozed, error } = used;
  const list = useRef<HTMLDivElement>(null);
  const hadFocus = useRef(false);
  const ids = open.map(({ id }) => id).join();
  // biome-ignore lint/correctness/useExhaustiveDependencies: it runs when a question has left the list.
  useEffect(() => {
    const { current } = list;
    const active = current?.ownerDocument.activeElement;
    if (hadFocus.current && active === current?.ownerDocument.body) current?.focus();
  }, [ids]);
  return (
    // The list takes the focus of a question that has left it, and only then.
    // biome-ignore lint/a11y/noStaticElementInteractions: it notes where the focus is, and reacts to nothing.
    <div
      ref={list}
      className="mp-questions"
      tabIndex={-1}
      onFocus={() => {
        hadFocus.current = true;
      }}
      onBlur={({ relatedTarget }) => {
        hadFocus.current = relatedTarget === null;
      }}
    >
      {status === "stale" && <p className="mp-note">{texts.questionsAway}</p>}
      {status === "failed" && (
        <p className="mp-error">{texts.questionsFailed(error?.message ?? "")}</p>
      )}
      {open.map((question) => (
        <QuestionCard
          key={question.id}
          question={question}
          used={used}
          texts={texts}
          level={level}
        />
      ))}
      {snoozed.length > 0 && <p className="mp-note">{texts.aside(snoozed.length)}</p>}
      {settled.length > 0 && (
        <ul className="mp-outcomes">
          {settled.slice(0, shownOutcomes).map((question) => (
            <li key={question.id} className="mp-outcome" data-status={question.status}>
              <span className="mp-outcome-prompt">{question.prompt}</span>
              <span>{outcomeOf(question, texts)}</span>
              {question.comment !== undefined && <q className="mp-hint">{question.comment}</q>}
            </li>
          ))}
        </ul>
      )}
      <Announcement used={used} texts={texts} />
    </div>
  );
}

function outcomeOf(question: UsedQuestion["settled"][number], texts: PeopleTexts): string {
  const { answer, status } = question;
  const said = status === "answered" && answer !== undefined;
  return texts.settled(question, said ? answerText(question, answer, texts) : undefined);
}

/** Text for screen readers: the newest question, or the outcome of the one that was over last while the page was open. */
function Announcement({
  used: { open, settled },
  texts,
}: {
  readonly used: UsedQuestion;
  readonly texts: PeopleTexts;
}): ReactNode {
  const [since] = useState(() => new Set(settled.map(({ id }) => id)));
  const newest = open.at(-1);
  const over = settled[0];
  const text =
    over !== undefined && !since.has(over.id) && (newest?.asked_at ?? 0) <= (over.settled_at ?? 0)
      ? `${over.prompt} ${outcomeOf(over, texts)}`
      : newest === undefined
        ? ""
        : texts.asks(newest.prompt);
  return (
    <p className="mp-hidden" role="status">
      {text}
    </p>
  );
}
