"use client";
import type { InboxView } from "@milepost/client/inbox";
import type { InboxItem, Question } from "@milepost/model";
import { isRecord } from "@milepost/protocol";
import { type ReactNode, useId, useMemo, useState } from "react";
import { englishPeopleTexts, type PeopleTexts } from "./people-texts.ts";
import { QuestionCard } from "./question-card.tsx";
import { type InboxActions, useInbox } from "./use-inbox.ts";
import { useNow } from "./use-now.ts";
import { type UsedQuestion, useQuestion } from "./use-question.ts";

const laterMs = 3_600_000;

/** Props of an {@link InboxPanel}. */
export interface InboxPanelProps {
  /** Texts to use instead of the English ones. */
  readonly texts?: Partial<PeopleTexts>;
  readonly className?: string;
}

/**
 * Panel with the person's inbox: notifications and questions, newest first, the same on every device. Questions are
 * answered in place. Items can be marked as read and put aside for an hour.
 *
 * Styles come from `@milepost/react/status-panel.css`. Screen readers hear how many items are new, not each item.
 */
export function InboxPanel({ texts: given, className }: InboxPanelProps): ReactNode {
  const texts = useMemo(() => ({ ...englishPeopleTexts, ...given }), [given]);
  const used = useInbox();
  const questions = useQuestion();
  const { inbox } = used;
  const heading = useId();
  const [failure, attempt] = useAttempt();
  const now = useNow(inbox.items.length > 0);
  const { counts, items } = inbox;
  const note = noteOf(inbox, texts);
  return (
    <section
      className={className === undefined ? "mp-panel" : `mp-panel ${className}`}
      aria-labelledby={heading}
      data-view={inbox.status}
    >
      <header className="mp-header">
        <h2 id={heading} className="mp-title">
          {texts.inbox}
        </h2>
        <p className="mp-unread" role="status">
          {inbox.status === "loading" || inbox.status === "none" ? "" : texts.unread(counts.unread)}
        </p>
        {counts.unread > 0 && (
          <button
            type="button"
            className="mp-button mp-small"
            onClick={() => attempt(() => used.read("all"))}
          >
            {texts.readAll}
          </button>
        )}
      </header>
      {note !== undefined && <p className="mp-absence">{note}</p>}
      {failure !== undefined && (
        <p className="mp-error" role="alert">
          {texts.actionFailed(failure)}
        </p>
      )}
      <ul className="mp-inbox">
        {items.map((item) => (
          <Item
            key={item.id}
            item={item}
            question={questionOf(item, questions)}
            actions={{ ...used, questions, attempt }}
            texts={texts}
            now={now}
          />
        ))}
      </ul>
      {inbox.hasMore && (
        <button type="button" className="mp-button" onClick={() => attempt(used.loadMore)}>
          {texts.more}
        </button>
      )}
      {counts.snoozed > 0 && <p className="mp-note">{texts.snoozed(counts.snoozed)}</p>}
    </section>
  );
}

type Attempt = (does: () => Promise<unknown>) => void;

/** Returns the latest failure, and a function that calls something and keeps its failure. */
function useAttempt(): [string | undefined, Attempt] {
  const [failure, setFailure] = useState<string>();
  const attempt: Attempt = (does) => {
    setFailure(undefined);
    does().catch((error: unknown) =>
      setFailure(error instanceof Error ? error.message : String(error)),
    );
  };
  return [failure, attempt];
}

function questionOf({ id, kind }: InboxItem, { open }: UsedQuestion): Question | undefined {
  return kind === "question" ? open.find((one) => one.id === id) : undefined;
}

/** Text that says why there are no items, or that they may be old. */
function noteOf({ status, items, error }: InboxView, texts: PeopleTexts): string | undefined {
  switch (status) {
    case "loading":
      return undefined;
    case "none":
      return texts.inboxNone;
    case "failed":
      return texts.inboxFailed(error?.message ?? "");
    case "stale":
      return texts.inboxStale;
    case "live":
      return items.length === 0 ? texts.inboxEmpty : undefined;
  }
}

interface ItemProps {
  readonly item: InboxItem;
  /** The question of the item, once it is known. */
  readonly question: Question | undefined;
  readonly actions: InboxActions & { readonly questions: UsedQuestion; readonly attempt: Attempt };
  readonly texts: PeopleTexts;
  readonly now: number;
}

function Item({ item, question, actions, texts, now }: ItemProps): ReactNode {
  const { read, snooze, attempt, questions } = actions;
  const { id, read_at: readAt, at } = item;
  const { level, title, text } = contentOf(item);
  const what = title ?? text;
  return (
    <li
      className="mp-inbox-item"
      data-kind={item.kind}
      data-level={level}
      data-unread={readAt === undefined ? "" : undefined}
    >
      <p className="mp-inbox-about">
        {readAt === undefined && <span className="mp-badge">{texts.newItem}</span>}
        <time dateTime={new Date(at).toISOString()}>{texts.when(at, now)}</time>
      </p>
      {question === undefined ? (
        <p className="mp-inbox-text">
          {title !== undefined && <strong>{title} </strong>}
          {text}
        </p>
      ) : (
        <QuestionCard question={question} used={questions} texts={texts} />
      )}
      <p className="mp-commands">
        {readAt === undefined && (
          <button
            type="button"
            className="mp-button mp-small"
            aria-label={texts.markRead(what)}
            onClick={() => attempt(() => read([id]))}
          >
            {texts.markReadLabel}
          </button>
        )}
        {question === undefined && (
          <button
            type="button"
            className="mp-button mp-small"
            aria-label={texts.laterLabel(what)}
            onClick={() => attempt(() => snooze([id], { forMs: laterMs }))}
          >
            {texts.later}
          </button>
        )}
      </p>
    </li>
  );
}

interface ItemContent {
  readonly level: string | undefined;
  readonly title: string | undefined;
  readonly text: string;
}

function contentOf({ kind, data }: InboxItem): ItemContent {
  const { level, title, message, prompt } = isRecord(data) ? data : {};
  const text = (value: unknown) => (typeof value === "string" ? value : undefined);
  return kind === "question"
    ? { level: undefined, title: text(title), text: text(prompt) ?? "" }
    : { level: text(level), title: text(title), text: text(message) ?? "" };
}
