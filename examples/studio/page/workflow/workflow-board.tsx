import { type KeyboardEvent, type PointerEvent, type ReactNode, useRef, useState } from "react";
import type { Presence } from "./collaborators.ts";
import {
  board,
  nameOf,
  type Step,
  stepSize,
  type Workflow,
  type WorkflowDocument,
} from "./workflow-document.ts";

const keyMoves: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-10, 0],
  ArrowRight: [10, 0],
  ArrowUp: [0, -10],
  ArrowDown: [0, 10],
};

/** The board: steps that can be dragged or moved with the arrow keys, arrows between them, the cursors of others. */
export function WorkflowBoard({
  workflow,
  document,
  others,
  selected,
  commented,
  onSelect,
  onCursor,
}: {
  readonly workflow: Workflow;
  readonly document: WorkflowDocument;
  readonly others: readonly Presence[];
  readonly selected: string | undefined;
  /** Number of open threads of a step. */
  readonly commented: (step: string) => number;
  readonly onSelect: (step: string) => void;
  readonly onCursor: (cursor: { readonly x: number; readonly y: number } | undefined) => void;
}): ReactNode {
  const area = useRef<HTMLDivElement>(null);
  const grip = useRef<{ readonly id: string; x: number; y: number } | undefined>(undefined);
  const [dragged, setDragged] = useState<string>();
  const byId = new Map(workflow.steps.map((step) => [step.id, step]));

  function placeOf(event: PointerEvent): { x: number; y: number } {
    const { left, top } = area.current?.getBoundingClientRect() ?? { left: 0, top: 0 };
    return { x: Math.round(event.clientX - left), y: Math.round(event.clientY - top) };
  }

  function take(event: PointerEvent, id: string): void {
    event.currentTarget.setPointerCapture(event.pointerId);
    grip.current = { id, ...placeOf(event) };
    setDragged(id);
    onSelect(id);
  }

  function follow(event: PointerEvent): void {
    const place = placeOf(event);
    onCursor(place);
    const held = grip.current;
    if (held === undefined) return;
    document.move(held.id, place.x - held.x, place.y - held.y);
    grip.current = { id: held.id, ...place };
  }

  function release(): void {
    grip.current = undefined;
    setDragged(undefined);
  }

  function press(event: KeyboardEvent, id: string): void {
    const move = keyMoves[event.key];
    if (move !== undefined) {
      event.preventDefault();
      document.move(id, ...move);
    } else if (event.key === "Delete" || event.key === "Backspace") {
      event.preventDefault();
      document.remove(id);
    }
  }

  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: It scrolls on a narrow screen, so somebody without a pointer must be able to focus it.
    <section className="workflow-scroll" aria-label="Board" tabIndex={0}>
      <div
        ref={area}
        className="workflow-board"
        style={{ inlineSize: board.width, blockSize: board.height }}
        onPointerMove={follow}
        onPointerUp={release}
        onPointerCancel={release}
        onPointerLeave={() => onCursor(undefined)}
      >
        <svg aria-hidden="true" width={board.width} height={board.height}>
          <defs>
            <marker
              id="workflow-tip"
              markerWidth="8"
              markerHeight="8"
              refX="7"
              refY="4"
              orient="auto"
            >
              <path d="M0,0 L8,4 L0,8 Z" />
            </marker>
          </defs>
          {workflow.arrows.map(({ id, from, to }) => (
            <path
              key={id}
              d={lineBetween(byId.get(from), byId.get(to))}
              markerEnd="url(#workflow-tip)"
            />
          ))}
        </svg>
        {workflow.steps.map((step) => {
          const by = others.find((other) => other.selected === step.id);
          const threads = commented(step.id);
          const next = workflow.arrows
            .filter(({ from }) => from === step.id)
            .flatMap(({ to }) => byId.get(to) ?? [])
            .map(nameOf);
          return (
            <button
              key={step.id}
              type="button"
              className="workflow-step"
              aria-pressed={selected === step.id}
              data-dragged={dragged === step.id || undefined}
              style={{
                insetInlineStart: step.x,
                insetBlockStart: step.y,
                inlineSize: stepSize.width,
                blockSize: stepSize.height,
                ...(by === undefined ? {} : { outlineColor: by.color }),
              }}
              data-selected-by={by?.name}
              onPointerDown={(event) => take(event, step.id)}
              onFocus={() => onSelect(step.id)}
              onKeyDown={(event) => press(event, step.id)}
            >
              <span className="workflow-label">{nameOf(step)}</span>
              {threads > 0 && (
                <span className="workflow-count">
                  {threads}{" "}
                  <span className="studio-hidden">
                    open {threads === 1 ? "comment" : "comments"}
                  </span>
                </span>
              )}
              {next.length > 0 && <span className="studio-hidden">, then {next.join(", ")}</span>}
            </button>
          );
        })}
        {others.map(({ page, name, color, cursor }) =>
          cursor === undefined ? null : (
            <span
              key={page}
              className="workflow-cursor"
              aria-hidden="true"
              style={{
                transform: `translate(${cursor.x}px, ${cursor.y}px)`,
                backgroundColor: color,
              }}
            >
              {name}
            </span>
          ),
        )}
      </div>
    </section>
  );
}

/** Returns the path of an arrow from the right or left side of one step to the nearer side of the other. */
function lineBetween(from: Step | undefined, to: Step | undefined): string {
  if (from === undefined || to === undefined) return "";
  const isForward = from.x <= to.x;
  const startX = isForward ? from.x + stepSize.width : from.x;
  const endX = isForward ? to.x - 4 : to.x + stepSize.width + 4;
  const [startY, endY] = [from.y + stepSize.height / 2, to.y + stepSize.height / 2];
  const bend = isForward ? Math.max(30, (endX - startX) / 2) : Math.min(-30, (endX - startX) / 2);
  return `M${startX},${startY} C${startX + bend},${startY} ${endX - bend},${endY} ${endX},${endY}`;
}
