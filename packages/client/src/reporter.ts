/** Where errors go that nobody waits for, and the fence around code of the application. */
export class Reporter {
  readonly #onError: (error: unknown) => void;

  constructor(onError: ((error: unknown) => void) | undefined) {
    this.#onError = onError ?? reportUncaught;
  }

  /** Runs code of the application; what it throws is reported and harms nobody else. */
  run(callback: () => void): void {
    try {
      callback();
    } catch (error) {
      this.report(error);
    }
  }

  report(error: unknown): void {
    try {
      this.#onError(error);
    } catch (second) {
      reportUncaught(second);
    }
  }
}

/** As an uncaught error where the platform has a way to say so, without ending a Node process. */
function reportUncaught(error: unknown): void {
  if (typeof reportError === "function") reportError(error);
  else console.error(error);
}
