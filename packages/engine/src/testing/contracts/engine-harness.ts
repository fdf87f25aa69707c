import type { Engine } from "../../index.ts";

/** Fresh engine for one test, and control over its clock. Disposing it closes the engine. */
export interface EngineHarness extends AsyncDisposable {
  readonly engine: Engine;
  /** Advances the engine's clock and runs what becomes due. */
  advance(ms: number): Promise<void>;
}

/** Creates a harness whose engine is empty. */
export type MakeEngine = () => Promise<EngineHarness>;
