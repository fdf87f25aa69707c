import { type Doc, Map as YMap } from "yjs";

/** Step of a workflow. */
export interface Step {
  readonly id: string;
  readonly label: string;
  /** Place on the board, in pixels from its upper left corner. */
  readonly x: number;
  readonly y: number;
}

/** Arrow from one step to the next. */
export interface Arrow {
  readonly id: string;
  readonly from: string;
  readonly to: string;
}

/** Workflow at one moment. */
export interface Workflow {
  readonly steps: readonly Step[];
  readonly arrows: readonly Arrow[];
}

/** Size of the board, in pixels. */
export const board = { width: 960, height: 420 } as const;
/** Size of a step on it. */
export const stepSize = { width: 150, height: 56 } as const;

const maxLabelLength = 80;

/** Shared workflow: a graph in the maps `steps` and `arrows` of a Yjs document. */
export class WorkflowDocument {
  readonly #doc: Doc;
  readonly #steps: YMap<YMap<unknown>>;
  readonly #arrows: YMap<unknown>;
  readonly #listeners = new Set<() => void>();
  #current: Workflow | undefined;

  constructor(doc: Doc) {
    this.#doc = doc;
    this.#steps = doc.getMap("steps");
    this.#arrows = doc.getMap("arrows");
    this.#steps.observeDeep(this.#onChange);
    this.#arrows.observe(this.#onChange);
  }

  /** Calls `listener` after each change; returns a function that removes it. */
  readonly subscribe = (listener: () => void): (() => void) => {
    const one = () => listener();
    this.#listeners.add(one);
    return () => this.#listeners.delete(one);
  };

  /** Returns the workflow; the same object until it changes. */
  readonly getSnapshot = (): Workflow => {
    this.#current ??= this.#read();
    return this.#current;
  };

  /** Adds a step at a free place and returns its id. */
  addStep(label: string): string {
    const id = crypto.randomUUID();
    const { steps } = this.getSnapshot();
    const fields = new YMap<unknown>();
    const { x, y } = freePlace(steps);
    for (const [name, value] of Object.entries({ label: label.slice(0, maxLabelLength), x, y })) {
      fields.set(name, value);
    }
    this.#steps.set(id, fields);
    return id;
  }

  /** Renames a step, with spaces and all, so that a name can be typed. */
  rename(id: string, label: string): void {
    this.#steps.get(id)?.set("label", label.slice(0, maxLabelLength));
  }

  /** Moves a step by so many pixels; it stays on the board. */
  move(id: string, dx: number, dy: number): void {
    const step = this.getSnapshot().steps.find((one) => one.id === id);
    const fields = this.#steps.get(id);
    if (step === undefined || fields === undefined) return;
    this.#doc.transact(() => {
      fields.set("x", within(step.x + dx, board.width - stepSize.width));
      fields.set("y", within(step.y + dy, board.height - stepSize.height));
    });
  }

  /** Removes a step and its arrows. */
  remove(id: string): void {
    this.#doc.transact(() => {
      this.#steps.delete(id);
      for (const arrow of this.getSnapshot().arrows) {
        if (arrow.from === id || arrow.to === id) this.#arrows.delete(arrow.id);
      }
    });
  }

  /** Draws an arrow between two steps, or removes it if there is one. */
  toggleArrow(from: string, to: string): void {
    // One key for each pair: two people who draw the same arrow make one.
    const id = `${from}>${to}`;
    if (this.#arrows.has(id)) this.#arrows.delete(id);
    else if (from !== to) this.#arrows.set(id, { from, to });
  }

  readonly #onChange = (): void => {
    this.#current = undefined;
    for (const listener of this.#listeners) listener();
  };

  #read(): Workflow {
    const steps = [...this.#steps].flatMap(([id, fields]) =>
      fields instanceof YMap ? [stepOf(id, fields)] : [],
    );
    const known = new Set(steps.map(({ id }) => id));
    const arrows = [...this.#arrows].flatMap(([id, value]) => {
      const { from, to } = (value ?? {}) as Partial<Arrow>;
      // A step may have been removed by somebody who did not see the arrow yet.
      if (from === undefined || to === undefined || !known.has(from) || !known.has(to)) return [];
      return [{ id, from, to }];
    });
    return {
      steps: steps.toSorted((a, b) => a.x - b.x || a.y - b.y || (a.id < b.id ? -1 : 1)),
      arrows,
    };
  }
}

function stepOf(id: string, fields: YMap<unknown>): Step {
  const number = (name: string) => {
    const value = fields.get(name);
    return typeof value === "number" && Number.isFinite(value) ? value : 0;
  };
  return {
    id,
    label: String(fields.get("label") ?? ""),
    x: within(number("x"), board.width - stepSize.width),
    y: within(number("y"), board.height - stepSize.height),
  };
}

function within(value: number, max: number): number {
  return Math.round(Math.min(Math.max(value, 0), max));
}

/** Returns the name under which a step is shown. */
export function nameOf({ label }: Step): string {
  return label.trim() || "Untitled step";
}

/** Returns the first place, row by row, that no step covers. */
function freePlace(steps: readonly Step[]): { readonly x: number; readonly y: number } {
  const [column, row] = [stepSize.width + 40, stepSize.height + 40];
  for (let y = 20; y <= board.height - stepSize.height; y += row) {
    for (let x = 20; x <= board.width - stepSize.width; x += column) {
      const isTaken = steps.some(
        (step) => Math.abs(step.x - x) < stepSize.width && Math.abs(step.y - y) < stepSize.height,
      );
      if (!isTaken) return { x, y };
    }
  }
  return { x: 20, y: 20 };
}
