import { fileURLToPath } from "node:url";

/** A collection of documents: a folder of this repository. */
export interface Collection {
  readonly id: string;
  readonly title: string;
  readonly folder: string;
}

const at = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

/** The collections of the example. */
export const collections: readonly Collection[] = [
  { id: "handbook", title: "Handbook", folder: at("docs") },
  { id: "protocol", title: "Protocol sources", folder: at("packages/protocol/src") },
  { id: "model", title: "Model sources", folder: at("packages/model/src") },
];

/** Returns the collection with this id; undefined if there is none. */
export function collectionOf(id: string): Collection | undefined {
  return collections.find((collection) => collection.id === id);
}
