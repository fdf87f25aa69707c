/**
 * Reports errors that no caller waits for, and runs callbacks of the application so that their errors do not
 * affect the client.
 */
export class Reporter {
  readonly #onError: ((error: unknown) => void) | undefined;

  constructor(onError: ((error: unknown) => void) | undefined) {
    this.#onError = onError;
  }

  /**
   * Runs a callback of the application. An error that it throws is reported and not thrown further. Without
   * `onError`, it is reported as an uncaught error.
   */
  run(callback: () => void): void {
    try {
      callback();
    } catch (error) {
      this.#tell(error, reportUncaught);
    }
  }

  /**
   * Reports an error from which the client recovers. Without `onError`, it is logged to the console and not
   * reported as an uncaught error of the page.
   */
  report(error: unknown): void {
    this.#tell(error, console.error);
  }

  #tell(error: unknown, byDefault: (error: unknown) => void): void {
    try {
      (this.#onError ?? byDefault)(error);
    } catch (second) {
      reportUncaught(second);
    }
  }
}

/**
 * Reports an uncaught error with `reportError` where the platform has it. Elsewhere it logs the error, so that
 * a Node process does not end.
 */
function reportUncaught(error: unknown): void {
  if (typeof reportError === "function") reportError(error);
  else console.error(error);
}
