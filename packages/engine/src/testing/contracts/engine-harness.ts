import type { Engine } from "../../index.ts";

/** A fresh engine and its time, for one test. Disposing it frees the engine. */
export interface EngineHarness extends AsyncDisposable {
  readonly engine: Engine;
  /** Lets the engine's clock move on, with what becomes due meanwhile. */
  advance(ms: number): Promise<void>;
}

/** Makes a harness whose engine holds nothing yet. */
export type MakeEngine = () => Promise<EngineHarness>;
