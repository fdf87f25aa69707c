import type { Thread, Threads } from "@milepost/yjs";
import { type FormEvent, type ReactNode, useState } from "react";
import { nameOf, type Step, type Workflow, type WorkflowDocument } from "./workflow-document.ts";

/** Name, next steps and comments of the selected step. */
export function StepPanel({
  step,
  workflow,
  document,
  threads,
  all,
  author,
  onComment,
}: {
  readonly step: Step;
  readonly workflow: Workflow;
  readonly document: WorkflowDocument;
  readonly threads: Threads;
  /** Threads of this step. */
  readonly all: readonly Thread[];
  readonly author: string;
  /** Called after a comment was written, with its thread. */
  readonly onComment: (threadId: string) => void;
}): ReactNode {
  const others = workflow.steps.filter(({ id }) => id !== step.id);
  const isNext = (to: string) =>
    workflow.arrows.some((one) => one.from === step.id && one.to === to);
  return (
    <section className="workflow-panel" aria-label={`Step ${nameOf(step)}`}>
      <label>
        Name of the step
        <input
          value={step.label}
          maxLength={80}
          onChange={({ target }) => document.rename(step.id, target.value)}
        />
      </label>
      {others.length > 0 && (
        <fieldset className="workflow-next">
          <legend>Next steps</legend>
          {others.map((other) => (
            <label key={other.id}>
              <input
                type="checkbox"
                checked={isNext(other.id)}
                onChange={() => document.toggleArrow(step.id, other.id)}
              />
              {nameOf(other)}
            </label>
          ))}
        </fieldset>
      )}
      <button type="button" onClick={() => document.remove(step.id)}>
        Remove step
      </button>
      <h3>Comments</h3>
      {all.map((thread) => (
        <article
          key={thread.id}
          className="workflow-thread"
          data-resolved={thread.isResolved || undefined}
        >
          <ul>
            {thread.comments.map((comment) => (
              <li key={comment.id}>
                <strong>{comment.author}</strong> <span>{comment.text}</span>
              </li>
            ))}
          </ul>
          {thread.isResolved ? (
            <p>
              Resolved by {thread.resolvedBy}{" "}
              <button type="button" onClick={() => threads.reopen(thread.id)}>
                Reopen
              </button>
            </p>
          ) : (
            <>
              <CommentForm
                label="Reply"
                onSend={(text) => {
                  threads.reply(thread.id, { author, text });
                  onComment(thread.id);
                }}
              />
              <button type="button" onClick={() => threads.resolve(thread.id, author)}>
                Resolve
              </button>
            </>
          )}
        </article>
      ))}
      <CommentForm
        label="New comment"
        onSend={(text) => onComment(threads.start(step.id, { author, text }))}
      />
    </section>
  );
}

function CommentForm({
  label,
  onSend,
}: {
  readonly label: string;
  readonly onSend: (text: string) => void;
}): ReactNode {
  const [text, setText] = useState("");
  function send(event: FormEvent): void {
    event.preventDefault();
    if (text.trim() === "") return;
    onSend(text);
    setText("");
  }
  return (
    <form className="workflow-comment" onSubmit={send}>
      <label>
        {label}
        <input
          value={text}
          maxLength={2_000}
          placeholder="@name tells somebody"
          onChange={({ target }) => setText(target.value)}
        />
      </label>
      <button type="submit">Send</button>
    </form>
  );
}
