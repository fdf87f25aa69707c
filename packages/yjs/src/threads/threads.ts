import { type Doc, Array as YArray, Map as YMap } from "yjs";

/** One comment of a thread. */
export interface Comment {
  readonly id: string;
  readonly author: string;
  readonly text: string;
  /** Ids of the people whom the text mentions. */
  readonly mentions: readonly string[];
  /** Time of the author's clock, in milliseconds since 1970. */
  readonly at: number;
}

/** Comments on one part of a document, for instance a node of a workflow. */
export interface Thread {
  readonly id: string;
  /** Id of the part that the thread belongs to. */
  readonly anchor: string;
  readonly isResolved: boolean;
  readonly resolvedBy: string | undefined;
  readonly comments: readonly Comment[];
}

/** Text that somebody writes. */
export interface NewComment {
  readonly author: string;
  readonly text: string;
}

const mention = /(?:^|[\s(])@([A-Za-z0-9_.~|-]{1,120})/g;
const maxMentions = 20;
const maxTextLength = 10_000;

/** Returns the ids that a text mentions as `@id`, each once; at most 20. */
export function mentionsIn(text: string): readonly string[] {
  const ids = [...text.matchAll(mention)].map(([, id = ""]) => id.replace(/\.+$/, ""));
  return [...new Set(ids)].filter((id) => id !== "").slice(0, maxMentions);
}

/**
 * Comment threads of a document, kept in its shared map `threads`. They are edited like the rest of the document, so people may
 * comment without a connection.
 *
 * A thread stays when the part that it belongs to is deleted; the application decides whether to show it.
 */
export class Threads {
  readonly #doc: Doc;
  readonly #threads: YMap<YMap<unknown>>;
  readonly #newId: () => string;
  readonly #now: () => number;

  constructor(doc: Doc, { newId = randomId, now = Date.now, name = "threads" } = {}) {
    this.#doc = doc;
    this.#threads = doc.getMap(name);
    this.#newId = newId;
    this.#now = now;
  }

  /** All threads, oldest first; those of one part with `anchor`. */
  list(anchor?: string): readonly Thread[] {
    return [...this.#threads]
      .flatMap(([id, fields]) => (fields instanceof YMap ? [threadOf(id, fields)] : []))
      .filter((thread) => thread.comments.length > 0)
      .filter((thread) => anchor === undefined || thread.anchor === anchor)
      .toSorted((a, b) => firstAt(a) - firstAt(b) || (a.id < b.id ? -1 : 1));
  }

  /** Begins a thread; returns its id. Throws a RangeError for a text that is empty or has more than 10,000 characters. */
  start(anchor: string, comment: NewComment): string {
    const made = this.#comment(comment);
    const id = this.#newId();
    this.#doc.transact(() => {
      const fields = new YMap<unknown>();
      const comments = new YArray<Comment>();
      comments.push([made]);
      fields.set("anchor", anchor);
      fields.set("comments", comments);
      this.#threads.set(id, fields);
    });
    return id;
  }

  /** Adds a comment, and opens the thread again if it was resolved. Throws a RangeError for a thread that does not exist. */
  reply(threadId: string, comment: NewComment): void {
    const made = this.#comment(comment);
    const fields = this.#fieldsOf(threadId);
    this.#doc.transact(() => {
      (fields.get("comments") as YArray<Comment>).push([made]);
      fields.delete("resolvedBy");
    });
  }

  resolve(threadId: string, by: string): void {
    this.#fieldsOf(threadId).set("resolvedBy", by);
  }

  reopen(threadId: string): void {
    this.#fieldsOf(threadId).delete("resolvedBy");
  }

  /** Calls `listener` after each change of the threads; returns a function that removes it. */
  subscribe(listener: () => void): () => void {
    const call = () => listener();
    this.#threads.observeDeep(call);
    return () => this.#threads.unobserveDeep(call);
  }

  #fieldsOf(threadId: string): YMap<unknown> {
    const fields = this.#threads.get(threadId);
    if (!(fields instanceof YMap)) throw new RangeError(`there is no thread ${threadId}`);
    return fields;
  }

  #comment({ author, text }: NewComment): Comment {
    const said = text.trim();
    if (said === "" || said.length > maxTextLength) {
      throw new RangeError(`a comment has 1 to ${maxTextLength} characters`);
    }
    return { id: this.#newId(), author, text: said, mentions: mentionsIn(said), at: this.#now() };
  }
}

function randomId(): string {
  return crypto.randomUUID();
}

function threadOf(id: string, fields: YMap<unknown>): Thread {
  const comments = fields.get("comments");
  const resolvedBy = fields.get("resolvedBy");
  return {
    id,
    anchor: String(fields.get("anchor") ?? ""),
    isResolved: resolvedBy !== undefined,
    resolvedBy: resolvedBy === undefined ? undefined : String(resolvedBy),
    comments: comments instanceof YArray ? (comments.toArray() as Comment[]).filter(isComment) : [],
  };
}

/** Others may write anything into a shared document. */
function isComment(value: unknown): value is Comment {
  const { id, author, text, mentions, at } = (value ?? {}) as Record<string, unknown>;
  return (
    typeof id === "string" &&
    typeof author === "string" &&
    typeof text === "string" &&
    typeof at === "number" &&
    Array.isArray(mentions)
  );
}

function firstAt({ comments }: Thread): number {
  return comments[0]?.at ?? 0;
}
