"use client";
import type { Digest, DigestCounts, DigestOperation } from "@milepost/model";
import { type ReactNode, useId, useMemo, useState } from "react";
import { englishPeopleTexts, type PeopleTexts } from "./people-texts.ts";
import { useDigest } from "./use-digest.ts";
import { useNow } from "./use-now.ts";

const shownOperations = 5;

/** Props of a {@link DigestPanel}. */
export interface DigestPanelProps {
  /** Returns the address of an operation's page, to which its title links. Without it, titles are no links. */
  readonly hrefOf?: (operationId: string) => string;
  /** Texts to use instead of the English ones. */
  readonly texts?: Partial<PeopleTexts>;
  readonly className?: string;
}

/**
 * Panel that says what has happened while the person was away, such as "3 steps done, 2 warnings, 1 question", until the
 * person has seen it. Renders nothing if nothing has happened.
 *
 * Styles come from `@milepost/react/status-panel.css`. Screen readers hear the sum once.
 */
export function DigestPanel({ hrefOf, texts: given, className }: DigestPanelProps): ReactNode {
  const texts = useMemo(() => ({ ...englishPeopleTexts, ...given }), [given]);
  const { status, digest, seen } = useDigest();
  const heading = useId();
  const [failure, setFailure] = useState<string>();
  const now = useNow(false);
  if (status !== "ready" || digest === undefined) return null;
  const words = wordsOf(digest, texts);
  if (words.length === 0) return null;
  const since = Math.min(digest.since ?? now, now);
  return (
    <section
      className={className === undefined ? "mp-panel" : `mp-panel ${className}`}
      aria-labelledby={heading}
    >
      <header className="mp-header">
        <h2 id={heading} className="mp-title">
          {texts.digest}
        </h2>
        <button
          type="button"
          className="mp-button mp-small"
          onClick={() => {
            setFailure(undefined);
            seen().catch((error: unknown) =>
              setFailure(error instanceof Error ? error.message : String(error)),
            );
          }}
        >
          {texts.seen}
        </button>
      </header>
      <p className="mp-digest" role="status">
        {words.join(", ")}
      </p>
      <p className="mp-hint">{texts.digestSince(since, now)}</p>
      {failure !== undefined && (
        <p className="mp-error" role="alert">
          {texts.actionFailed(failure)}
        </p>
      )}
      <ul className="mp-outcomes">
        {digest.operations.slice(0, shownOperations).map((one) => (
          <li key={one.operation_id} className="mp-outcome" data-ended={one.ended}>
            {hrefOf === undefined ? (
              <span>{one.title}</span>
            ) : (
              <a href={hrefOf(one.operation_id)}>{one.title}</a>
            )}
            <span className="mp-outcome-prompt">{operationWords(one, texts).join(", ")}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** Returns the sum of a digest in words; none if nothing has happened. */
function wordsOf({ totals, open_questions: open, more }: Digest, texts: PeopleTexts): string[] {
  const words = [
    ...some(totals.finished, texts.finished),
    ...some(totals.failed, texts.failed),
    ...some(totals.started, texts.started),
    ...countWords({ ...totals, questions: 0 }, texts),
    ...some(totals.notifications, texts.notices),
    ...some(Math.max(open, totals.questions), texts.asked),
  ];
  return more ? [...words, texts.andMore] : words;
}

function operationWords(operation: DigestOperation, texts: PeopleTexts): string[] {
  const { ended, more } = operation;
  const isFailed = ended === "failed" || ended === "lost";
  return [
    ...(ended === undefined ? [] : [isFailed ? texts.endedBadly : texts.ended]),
    ...countWords(operation, texts),
    ...(more === true ? [texts.andMore] : []),
  ];
}

function countWords(counts: DigestCounts, texts: PeopleTexts): string[] {
  return [
    ...some(counts.steps_done, texts.stepsDone),
    ...some(counts.warnings, texts.warnings),
    ...some(counts.errors, texts.errors),
    ...some(counts.questions, texts.asked),
  ];
}

function some(count: number, words: (count: number) => string): string[] {
  return count === 0 ? [] : [words(count)];
}
