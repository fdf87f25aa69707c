import { MilepostError } from "@milepost/protocol";

/** Code that is loaded when it is first needed. */
export interface LazyCode<Code> {
  /** The code; undefined while it is not loaded. */
  readonly loaded: Code | undefined;
  /** Loads the code once for all callers, and again after a failed load. Rejects with `unavailable`. */
  load(): Promise<Code>;
}

/** Returns code that `importCode` loads; a bundler makes a chunk of the module that it imports. */
export function lazyCode<Code>(importCode: () => Promise<Code>): LazyCode<Code> {
  let loaded: Code | undefined;
  let loading: Promise<Code> | undefined;
  const load = async () => {
    try {
      loaded = await importCode();
      return loaded;
    } catch (cause) {
      loading = undefined;
      throw new MilepostError("unavailable", "a part of the client could not be loaded", { cause });
    }
  };
  return {
    get loaded() {
      return loaded;
    },
    load() {
      loading ??= load();
      return loading;
    },
  };
}
