/** Receiver of errors that no caller waits for; also isolates the application's code. */
export class Reporter {
  readonly #onError: ((error: unknown) => void) | undefined;

  constructor(onError: ((error: unknown) => void) | undefined) {
    this.#onError = onError;
  }

  /** Runs the application's code; an error that it throws is reported and goes no further. */
  run(callback: () => void): void {
    try {
      callback();
    } catch (error) {
      this.#tell(error, reportUncaught);
    }
  }

  /**
   * Reports an error that the client survives, so by default it goes to the console and is no uncaught error of
   * the page.
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

/** Reports an uncaught error if the platform can, without ending a Node process. */
function reportUncaught(error: unknown): void {
  if (typeof reportError === "function") reportError(error);
  else console.error(error);
}
