import type { Cancel } from "../runtime/clock.ts";
import type { LazyCode } from "../runtime/lazy-code.ts";
import type { Reporter } from "../runtime/reporter.ts";
import type { Schedule } from "../runtime/schedule.ts";

/** Wait before another load while a listener waits for the code, in milliseconds. */
const loadAgainMs = 5_000;

/** View of a handle whose code is not loaded. */
const loading = { kind: "loading" } as const;

/** Handle of something that a page watches. */
interface Watched {
  readonly view: { readonly kind: string };
  subscribe(listener: () => void): () => void;
}

/** Parts of the client that a handle uses while it waits for its code. */
export interface LazyHandleParts<Code> {
  readonly code: LazyCode<Code>;
  readonly schedule: Schedule;
  readonly reporter: Reporter;
}

/**
 * Handle whose code is loaded when it is first used. Until then its view is `loading`.
 *
 * Nothing is subscribed before the code is there, so no event is missed or reordered. While there are listeners, a
 * failed load is reported and repeated.
 */
export class LazyHandle<Code, Live extends Watched> {
  readonly #parts: LazyHandleParts<Code>;
  readonly #create: (code: Code) => Live;
  #live: Live | undefined;

  constructor(parts: LazyHandleParts<Code>, create: (code: Code) => Live) {
    this.#parts = parts;
    this.#create = create;
  }

  /** The handle itself; undefined while its code is not loaded. */
  protected get live(): Live | undefined {
    const { loaded } = this.#parts.code;
    this.#live ??= loaded && this.#create(loaded);
    return this.#live;
  }

  get view(): Live["view"] | typeof loading {
    return this.live?.view ?? loading;
  }

  getSnapshot(): Live["view"] | typeof loading {
    return this.view;
  }

  subscribe(listener: () => void): () => void {
    const { code, schedule, reporter } = this.#parts;
    let stop: Cancel | undefined;
    let isOver = false;
    const begin = () => {
      if (isOver) return;
      stop = this.live?.subscribe(listener);
      if (stop !== undefined) return;
      code.load().then(begin, (error) => {
        if (isOver) return;
        reporter.report(error);
        stop = schedule.after(loadAgainMs, begin);
      });
    };
    begin();
    return () => {
      isOver = true;
      stop?.();
    };
  }

  /** Calls the handle once its code is loaded. Rejects with `unavailable` when it cannot be loaded. */
  protected async call<Answer>(run: (live: Live) => Promise<Answer>): Promise<Answer> {
    if (this.live === undefined) await this.#parts.code.load();
    return run(this.live as Live);
  }
}
