import type { OperationList, OperationSummary } from "@milepost/model";
import { MilepostError } from "@milepost/protocol";
import { reporterOf } from "../channel/channel-requests.ts";
import type { Client } from "../client.ts";
import type { Cancel } from "../runtime/clock.ts";
import { ChangeListeners } from "../runtime/listeners.ts";
import type { TreeHandle, TreePart, TreeView } from "./tree-view.ts";

const first = 100;
const most = 1_000;
const maxOpen = 50;
const maxDepth = 8;
/** Shortest time between two looks, and time before a look that failed is tried again, in milliseconds. */
const pauseMs = 1_000;
const retryMs = 5_000;

/** Parts of one operation as they were read last. */
interface Branch {
  readonly limit: number;
  readonly parts: readonly OperationSummary[];
}

const unread: Branch = { limit: first, parts: [] };

/** Tree that reads the parts of each open operation when the state of the root says that something below has changed. */
export class LiveTree implements TreeHandle {
  readonly id: string;
  readonly #client: Client;
  readonly #root: ReturnType<Client["operation"]>;
  readonly #listeners: ChangeListeners;
  readonly #branches = new Map<string, Branch>();
  #version: string | undefined;
  #isReading = false;
  #isFollowed = false;
  /** True when something has changed since the running look began. */
  #again = false;
  #hasRead = false;
  #error: MilepostError | undefined;
  #cancel: Cancel | undefined;
  #view: TreeView | undefined;

  constructor(client: Client, id: string) {
    this.id = id;
    this.#client = client;
    this.#root = client.operation(id);
    this.#branches.set(id, unread);
    // Any valid name will do: the reporter is the client's.
    const reporter = reporterOf(client.channel("tree"));
    this.#listeners = new ChangeListeners(reporter, () => this.#follow());
  }

  getSnapshot(): TreeView {
    this.#view ??= this.#build();
    return this.#view;
  }

  subscribe(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  open(id: string): void {
    if (this.#branches.has(id) || this.#branches.size >= maxOpen) return;
    this.#branches.set(id, unread);
    this.#changed();
    this.#look();
  }

  close(id: string): void {
    const branch = id === this.id ? undefined : this.#branches.get(id);
    if (branch === undefined) return;
    this.#branches.delete(id);
    for (const part of branch.parts) this.close(part.operation_id);
    this.#changed();
  }

  showAll(id: string = this.id): void {
    const branch = this.#branches.get(id);
    if (branch === undefined) return;
    this.#branches.set(id, { ...branch, limit: most });
    this.#look();
  }

  #follow(): () => void {
    this.#isFollowed = true;
    const look = () => {
      const { view } = this.#root;
      const children = view.kind === "ready" ? view.state.children : undefined;
      const version = `${view.kind} ${children?.revision} ${this.#client.state.state}`;
      this.#changed();
      if (version === this.#version) return;
      this.#version = version;
      this.#look();
    };
    const stop = this.#root.subscribe(look);
    const stopState = this.#client.onState(look);
    this.#version = undefined;
    look();
    return () => {
      this.#isFollowed = false;
      stop();
      stopState();
      this.#cancel?.();
      this.#cancel = undefined;
    };
  }

  #look(): void {
    this.#again = true;
    if (!this.#isFollowed || this.#isReading || this.#cancel !== undefined) return;
    // An operation without parts has nothing to read.
    if (this.#client.state.state !== "connected" || this.#root.state?.children === undefined)
      return;
    void this.#read();
  }

  async #read(): Promise<void> {
    this.#isReading = true;
    this.#again = false;
    let waitMs = pauseMs;
    try {
      await Promise.all([...this.#branches].map(([id, { limit }]) => this.#readBranch(id, limit)));
      this.#hasRead = true;
      this.#error = undefined;
    } catch (thrown) {
      this.#error = thrown instanceof MilepostError ? thrown : undefined;
      waitMs = retryMs;
      this.#again = this.#error?.retryable === true;
    }
    this.#isReading = false;
    this.#changed();
    if (!this.#isFollowed) return;
    this.#cancel = this.#client.clock.after(waitMs, () => {
      this.#cancel = undefined;
      if (this.#again) this.#look();
    });
  }

  async #readBranch(id: string, limit: number): Promise<void> {
    const params = { parent: id, limit };
    const { operations } = (await this.#client.request(
      "operations.list" as never,
      params as never,
    )) as OperationList;
    const branch = this.#branches.get(id);
    // It was closed in the meantime.
    if (branch === undefined) return;
    const parts = operations.toReversed();
    this.#branches.set(id, { ...branch, parts });
    if (branch.limit > limit) this.#again = true;
  }

  #build(): TreeView {
    const root = this.#root.view;
    const total = root.kind === "ready" ? (root.state.children?.total ?? 0) : 0;
    const { parts, hidden } = this.#partsOf(this.id, total, 0);
    return { status: this.#status(), parts, hidden, error: this.#error };
  }

  #partsOf(id: string, total: number, depth: number): Pick<TreePart, "parts" | "hidden"> {
    const branch = depth > maxDepth ? undefined : this.#branches.get(id);
    if (branch === undefined) return { parts: [], hidden: 0 };
    const parts = branch.parts.map((operation): TreePart => {
      const { operation_id: own, children } = operation;
      const isOpen = this.#branches.has(own);
      return { operation, isOpen, ...this.#partsOf(own, children?.total ?? 0, depth + 1) };
    });
    return { parts, hidden: parts.length < first ? 0 : Math.max(0, total - parts.length) };
  }

  #status(): TreeView["status"] {
    if (this.#error !== undefined) return this.#error.retryable ? "stale" : "failed";
    const root = this.#root.view;
    if (root.kind === "error") return "failed";
    const isEmpty = root.kind === "ready" && root.state.children === undefined;
    if (!this.#hasRead && !isEmpty) return "loading";
    const isUp = this.#client.state.state === "connected" && root.kind === "ready" && !root.stale;
    return isUp ? "live" : "stale";
  }

  #changed(): void {
    this.#view = undefined;
    this.#listeners.changed();
  }
}
