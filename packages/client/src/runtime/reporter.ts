/** Where errors go that nobody waits for, and the fence around code of the application. */
export class Reporter {
  readonly #onError: ((error: unknown) => void) | undefined;

  constructor(onError: ((error: unknown) => void) | undefined) {
    this.#onError = onError;
  }

  /** Runs code of the application; what it throws is reported and harms nobody else. */
  run(callback: () => void): void {
    try {
      callback();
    } catch (error) {
      this.#tell(error, reportUncaught);
    }
  }

  /** Something the client came upon. It goes on all the same, so it is no uncaught error of the page. */
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

/** As an uncaught error where the platform has a way to say so, without ending a Node process. */
function reportUncaught(error: unknown): void {
  if (typeof reportError === "function") reportError(error);
  else console.error(error);
}
