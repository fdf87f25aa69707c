import { mergeReports } from "@milepost/model";
import { endEvent, findLoss, isRecord, type Position, type Publication } from "@milepost/protocol";
import { maybeEncrypted } from "../channels/encrypted-data.ts";
import type { MergeClass, Rule } from "../rules/rule.ts";
import { composePatches } from "./compose-patches.ts";
import { concatenateTexts } from "./concatenate-texts.ts";

/** An entry during the merge; its data is parsed on first use. */
class Candidate {
  readonly publication: Publication;
  /** Position of the entry that is sent before it. */
  readonly from: Position;
  readonly #isMerged: boolean;
  #data: unknown;
  #parsed: boolean;

  constructor(publication: Publication, from: Position, merged?: { readonly data: unknown }) {
    this.publication = publication;
    this.from = from;
    this.#isMerged = merged !== undefined;
    this.#parsed = this.#isMerged;
    this.#data = merged?.data;
  }

  get event(): string {
    return this.publication.event;
  }

  /** True if the data can be read and written again without a change of its value. */
  get isExact(): boolean {
    return this.#isMerged || isExact(this.publication);
  }

  /** True if the data may contain an envelope. */
  get isEncrypted(): boolean {
    return maybeEncrypted(this.publication.json);
  }

  get data(): unknown {
    if (!this.#parsed) {
      this.#data = JSON.parse(this.publication.json) as unknown;
      this.#parsed = true;
    }
    return this.#data;
  }

  finish(): Publication {
    if (!this.#isMerged) return this.publication;
    // The publisher signed the single entries, not what they make together.
    const { sig: _, ...unsigned } = this.publication;
    return { ...unsigned, json: JSON.stringify(this.#data), since: this.from };
  }
}

/**
 * Returns the fewest entries that, by the merge classes of the channel's rule, replace all of its waiting
 * entries. `before` is the position of the last entry that was sent.
 *
 * The last position never changes, so the subscriber ends up where it would have without a merge. An entry that
 * replaces several has the position of the last of them, and `since`.
 */
export function mergeWaiting(
  entries: readonly Publication[],
  before: Position,
  classes: Rule["merge"],
): readonly Publication[] {
  if (classes === undefined || entries.length < 2) return entries;
  const kept = new Set(standing(entries, classes));
  const merged: Candidate[] = [];
  let previous = before;
  /**
   * Position before the left-out entries that directly precede the next entry; undefined when none were left
   * out.
   */
  let hole: Position | undefined;
  for (const publication of entries) {
    const from = hole ?? publication.since ?? previous;
    previous = publication.position;
    if (!kept.has(publication)) {
      hole = from;
      continue;
    }
    const next = new Candidate(
      hole === undefined ? publication : { ...publication, since: from },
      from,
    );
    hole = undefined;
    const one = unite(merged.at(-2), merged.at(-1), next, classes);
    if (one === undefined) merged.push(next);
    else merged[merged.length - 1] = one;
  }
  return merged.map((candidate) => candidate.finish());
}

/**
 * Returns one entry that replaces two neighbours; undefined if they cannot be merged. `first` is the entry that
 * is sent before them.
 */
function unite(
  first: Candidate | undefined,
  earlier: Candidate | undefined,
  later: Candidate,
  classes: NonNullable<Rule["merge"]>,
): Candidate | undefined {
  if (earlier === undefined || earlier.event !== later.event) return undefined;
  // In a roll-up, entries of different channels are independent of each other.
  if (earlier.publication.source !== later.publication.source) return undefined;
  // A merge must neither lose the priority of an entry nor spread it to the other.
  if (earlier.publication.priority !== later.publication.priority) return undefined;
  // What one publisher has written must not reach readers as the words of another.
  if (earlier.publication.publisher !== later.publication.publisher) return undefined;
  const merge = classOf(classes, later.event);
  if (merge !== "text" && merge !== "patch" && merge !== "report") return undefined;
  // The merged entry is written anew, and must not change what the publisher sent.
  if (!earlier.isExact || !later.isExact) return undefined;
  // Nobody but the reader can compose what is encrypted.
  if (merge !== "report" && (earlier.isEncrypted || later.isEncrypted)) return undefined;
  const data = unitedData(merge, first, earlier, later);
  if (data === undefined) return undefined;
  return new Candidate(later.publication, earlier.from, { data });
}

function unitedData(
  merge: "text" | "patch" | "report",
  first: Candidate | undefined,
  earlier: Candidate,
  later: Candidate,
): unknown {
  switch (merge) {
    case "text":
      return concatenateTexts(earlier.data, later.data);
    case "patch":
      return composePatches(earlier.data, later.data);
    case "report":
      if (first?.event !== earlier.event) return undefined;
      if (first.publication.source !== earlier.publication.source) return undefined;
      return mergeReports(later.event, first.data, earlier.data, later.data);
  }
}

/**
 * Yields the entries that no later entry makes redundant, the last first; the last entry is always among them.
 */
function* standing(
  entries: readonly Publication[],
  classes: NonNullable<Rule["merge"]>,
): Generator<Publication, void, void> {
  const replaced = new Set<string>();
  /** Source channels of the entries after the one under inspection; only a roll-up has more than one. */
  const followed = new Set<string | undefined>();
  for (let i = entries.length - 1; i >= 0; i--) {
    const publication = entries[i];
    if (publication === undefined) continue;
    const merge = classOf(classes, publication.event);
    const isFollowed = followed.has(publication.source);
    followed.add(publication.source);
    if (merge === "ephemeral") {
      if (!isFollowed) yield publication;
      continue;
    }
    const key = stateKey(merge, publication);
    if (key === undefined || !replaced.has(key)) yield publication;
    if (key !== undefined) replaced.add(key);
  }
}

/** Known answers of {@link isExact}, for the same reason as {@link knownKeys}. */
const knownExact = new WeakMap<Publication, boolean>();

function isExact(publication: Publication): boolean {
  let known = knownExact.get(publication);
  if (known === undefined) {
    known = findLoss(publication.json, "") === undefined;
    knownExact.set(publication, known);
  }
  return known;
}

/** Known state keys, since many connections may hold the same entries and look them up again and again. */
const knownKeys = new WeakMap<Publication, string>();

/**
 * Returns the key of the state that an entry carries; undefined when its class is not state, or it lacks the
 * key field.
 */
function stateKey(merge: MergeClass, publication: Publication): string | undefined {
  const { source = "", event } = publication;
  if (merge === "state") return `${source} ${event}`;
  if (typeof merge === "string") return undefined;
  const known = knownKeys.get(publication);
  if (known !== undefined) return known;
  // Two keys that JavaScript rounds to one would replace each other.
  if (!isExact(publication)) return undefined;
  const data: unknown = JSON.parse(publication.json);
  if (!isRecord(data) || !Object.hasOwn(data, merge.by)) return undefined;
  const key = `${source} ${event} ${JSON.stringify(data[merge.by])}`;
  knownKeys.set(publication, key);
  return key;
}

function classOf(classes: NonNullable<Rule["merge"]>, event: string): MergeClass {
  if (event === endEvent) return "lifecycle";
  if (Object.hasOwn(classes, event)) return classes[event] ?? "lifecycle";
  return classes["*"] ?? "lifecycle";
}
