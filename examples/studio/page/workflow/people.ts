import type { Doc, Map as YMap } from "yjs";

/** Names of everyone who has ever opened the workflow, so that a comment may mention somebody who is away. */
export class People {
  readonly #names: YMap<unknown>;

  constructor(doc: Doc) {
    this.#names = doc.getMap("people");
  }

  /** Writes down a person's name. */
  enter(id: string, name: string): void {
    if (this.#names.get(id) !== name) this.#names.set(id, name);
  }

  /** Returns the ids of the people with these names. */
  idsOf(names: readonly string[]): readonly string[] {
    return [...this.#names].flatMap(([id, name]) => (names.includes(String(name)) ? [id] : []));
  }
}
