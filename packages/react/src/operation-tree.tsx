"use client";
import type { TreePart } from "@milepost/client/tree";
import { type ReactNode, useId, useMemo } from "react";
import { englishTexts, type PanelTexts } from "./panel-texts.ts";
import { englishPeopleTexts, type PeopleTexts } from "./people-texts.ts";
import { useOperation } from "./use-operation.ts";
import { type UsedTree, useTree } from "./use-tree.ts";

/** Props of an {@link OperationTree}. */
export interface OperationTreeProps {
  readonly operationId: string | null | undefined;
  /** Returns the address of an operation's page, to which its title links. Without it, titles are no links. */
  readonly hrefOf?: (operationId: string) => string;
  /** Texts to use instead of the English ones. */
  readonly texts?: Partial<PeopleTexts>;
  /** Words of statuses to use instead of the English ones. */
  readonly statusTexts?: PanelTexts["status"];
  readonly className?: string;
}

interface ListProps {
  readonly tree: UsedTree;
  readonly texts: PeopleTexts;
  readonly statusTexts: PanelTexts["status"];
  readonly hrefOf: ((operationId: string) => string) | undefined;
}

/**
 * Panel with the parts of an operation, each with its status and progress; parts of parts are shown on demand. Renders
 * nothing for an operation without parts. 100 parts of each operation are shown, and up to 1,000 on demand.
 *
 * Styles come from `@milepost/react/status-panel.css`. Screen readers hear how many parts are done, and each part is an
 * item of nested lists with a button that shows its own parts.
 */
export function OperationTree({
  operationId,
  hrefOf,
  texts: given,
  statusTexts = englishTexts.status,
  className,
}: OperationTreeProps): ReactNode {
  const texts = useMemo(() => ({ ...englishPeopleTexts, ...given }), [given]);
  const tree = useTree(operationId);
  const { view: children } = useOperation(operationId, (view) =>
    view.kind === "ready" ? view.state.children : undefined,
  );
  const heading = useId();
  if (children === undefined || !("statuses" in children) || children.total === 0) return null;
  const { done = 0, failed = 0, lost = 0 } = children.statuses;
  const { parts, hidden, status } = tree;
  return (
    <section
      className={className === undefined ? "mp-panel" : `mp-panel ${className}`}
      aria-labelledby={heading}
      data-view={status}
    >
      <header className="mp-header">
        <h2 id={heading} className="mp-title">
          {texts.parts}
        </h2>
        <p className="mp-tree-note" role="status">
          {texts.partsSummary(children.total, done, failed + lost)}
        </p>
      </header>
      {status === "stale" && <p className="mp-note">{texts.partsAway}</p>}
      {status === "failed" && (
        <p className="mp-error">{texts.actionFailed(tree.error?.message ?? "")}</p>
      )}
      <Parts parts={parts} hidden={hidden} list={{ tree, texts, statusTexts, hrefOf }} />
    </section>
  );
}

function Parts({
  parts,
  hidden,
  of,
  list,
}: {
  readonly parts: readonly TreePart[];
  readonly hidden: number;
  /** Operation whose parts they are; undefined for the tree's own. */
  readonly of?: string;
  readonly list: ListProps;
}): ReactNode {
  return (
    <ul className="mp-tree">
      {parts.map((part) => (
        <Part key={part.operation.operation_id} part={part} list={list} />
      ))}
      {hidden > 0 && (
        <li>
          <button
            type="button"
            className="mp-button mp-small"
            onClick={() => list.tree.showAll(of)}
          >
            {list.texts.moreParts(hidden)}
          </button>
        </li>
      )}
    </ul>
  );
}

function Part({
  part: { operation, isOpen, parts, hidden },
  list,
}: {
  readonly part: TreePart;
  readonly list: ListProps;
}): ReactNode {
  const { tree, texts, statusTexts, hrefOf } = list;
  const { operation_id: id, title, status, percent, weight = 1, children } = operation;
  const questions = operation.open_questions ?? 0;
  return (
    <li className="mp-tree-part" data-status={status}>
      <div className="mp-tree-row">
        {children === undefined ? (
          <span className="mp-tree-leaf" aria-hidden="true" />
        ) : (
          <button
            type="button"
            className="mp-button mp-small"
            aria-expanded={isOpen}
            aria-label={isOpen ? texts.hide(title) : texts.show(title)}
            onClick={() => (isOpen ? tree.close(id) : tree.open(id))}
          >
            <span aria-hidden="true">{isOpen ? "▾" : "▸"}</span>
          </button>
        )}
        <span className="mp-tree-title">
          {hrefOf === undefined ? title : <a href={hrefOf(id)}>{title}</a>}
          <span className="mp-tree-note">
            {statusTexts[status]}
            {weight !== 1 && `, ${texts.weight(weight)}`}
            {questions > 0 && `, ${texts.waitingQuestions(questions)}`}
          </span>
        </span>
        <progress
          className="mp-tree-progress"
          max={100}
          value={Math.floor(percent)}
          aria-label={title}
        />
        <span className="mp-percent" aria-hidden="true">
          {Math.floor(percent)} %
        </span>
      </div>
      {isOpen && parts.length > 0 && <Parts parts={parts} hidden={hidden} of={id} list={list} />}
    </li>
  );
}
