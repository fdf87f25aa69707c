import type { MilepostProvider } from "@milepost/yjs";

/** Person who has the workflow open. */
export interface Collaborator {
  readonly id: string;
  readonly name: string;
  /** Colour of the cursor: one of {@link colors}. */
  readonly color: string;
}

/** Person's page with the cursor on the board, if it is there, and the selected step. */
export interface Presence extends Collaborator {
  /** Id of the page: one person may have several. */
  readonly page: number;
  readonly cursor: { readonly x: number; readonly y: number } | undefined;
  readonly selected: string | undefined;
}

/** Colours of cursors; all are readable with white text. */
export const colors = ["#1f5fbf", "#8a3ffc", "#b3261e", "#0b6e4f", "#8a5a00", "#a1205f"] as const;

/** Returns the colour of a person, always the same. */
export function colorOf(id: string): string {
  let sum = 0;
  for (const character of id) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) % 9_973;
  return colors[sum % colors.length] ?? colors[0];
}

/** The other people on a board, from the awareness of its document. */
export class Collaborators {
  readonly #awareness: MilepostProvider["awareness"];
  readonly #listeners = new Set<() => void>();
  #current: readonly Presence[] | undefined;

  constructor(awareness: MilepostProvider["awareness"]) {
    this.#awareness = awareness;
    awareness?.on("change", this.#onChange);
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    const one = () => listener();
    this.#listeners.add(one);
    return () => this.#listeners.delete(one);
  };

  /** Returns the others; the same list until somebody changes. */
  readonly getSnapshot = (): readonly Presence[] => {
    this.#current ??= [...(this.#awareness?.getStates() ?? [])]
      .filter(([page]) => page !== this.#awareness?.clientID)
      .flatMap(([page, state]) => presenceOf(page, state));
    return this.#current;
  };

  readonly #onChange = (): void => {
    this.#current = undefined;
    for (const listener of this.#listeners) listener();
  };

  moveTo(cursor: { readonly x: number; readonly y: number } | undefined): void {
    this.#awareness?.setLocalStateField("cursor", cursor ?? null);
  }

  select(step: string | undefined): void {
    this.#awareness?.setLocalStateField("selected", step ?? null);
  }
}

/** Reads what another page says of itself. It may say anything. */
function presenceOf(page: number, state: Record<string, unknown>): Presence[] {
  const { user, cursor, selected } = state;
  const { id, name, color } = (user ?? {}) as Record<string, unknown>;
  if (typeof id !== "string" || typeof name !== "string") return [];
  const { x, y } = (cursor ?? {}) as Record<string, unknown>;
  const isColor = typeof color === "string" && /^#[0-9a-f]{6}$/i.test(color);
  return [
    {
      page,
      id,
      name: name.slice(0, 40),
      color: isColor ? color : colors[0],
      cursor: typeof x === "number" && typeof y === "number" ? { x, y } : undefined,
      selected: typeof selected === "string" ? selected : undefined,
    },
  ];
}
