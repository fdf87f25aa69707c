/** Bounds on the output that is reported while a command runs. */
export interface OutputBounds {
  /** Bytes that may come at once before output is left out. */
  readonly burstBytes: number;
  /** Bytes a second that are reported in the long run. */
  readonly bytesPerSecond: number;
  /** Newest bytes that are kept while output is left out, and reported after it. */
  readonly tailBytes: number;
}

const defaultBounds: OutputBounds = {
  burstBytes: 512 * 1024,
  bytesPerSecond: 256 * 1024,
  tailBytes: 64 * 1024,
};

/**
 * The output of a command as the text that people watch. Bytes become text as UTF-8; invalid ones become U+FFFD.
 *
 * A command may write more than anybody can read or a network can carry. Above the bounds, output is left out: a
 * line says how much, and the newest output follows it at the latest when the command ends.
 */
export class LiveOutput {
  readonly #append: (text: string) => void;
  readonly #now: () => number;
  readonly #bounds: OutputBounds;
  #decoder = new TextDecoder();
  #allowance: number;
  #refilledAt: number;
  #tail: Uint8Array[] = [];
  #tailBytes = 0;
  #leftOut = 0;

  constructor(append: (text: string) => void, now: () => number, bounds = defaultBounds) {
    this.#append = append;
    this.#now = now;
    this.#bounds = bounds;
    this.#allowance = bounds.burstBytes;
    this.#refilledAt = now();
  }

  /** Takes output of the command. Keeps `bytes`, which the caller must not change afterwards. */
  write(bytes: Uint8Array): void {
    this.#refill();
    if (this.#tail.length === 0 && bytes.length <= this.#allowance) {
      this.#allowance -= bytes.length;
      this.#send(this.#decoder.decode(bytes, { stream: true }));
      return;
    }
    this.#tail.push(bytes);
    this.#tailBytes += bytes.length;
    this.#trim();
    this.catchUp();
  }

  /** Reports the newest output if some was left out and the bounds allow it now. Call it a few times a second. */
  catchUp(): void {
    if (this.#tail.length === 0) return;
    this.#refill();
    if (this.#allowance >= this.#tailBytes) this.#flushTail();
  }

  /** Reports what is still kept. No output may follow. */
  end(): void {
    if (this.#tail.length > 0) this.#flushTail();
    this.#send(this.#decoder.decode());
  }

  #refill(): void {
    const now = this.#now();
    const { burstBytes, bytesPerSecond } = this.#bounds;
    const refill = ((now - this.#refilledAt) * bytesPerSecond) / 1_000;
    this.#allowance = Math.min(burstBytes, this.#allowance + refill);
    this.#refilledAt = now;
  }

  #trim(): void {
    for (let excess = this.#tailBytes - this.#bounds.tailBytes; excess > 0; ) {
      const [oldest] = this.#tail;
      if (oldest === undefined) return;
      const cut = Math.min(excess, oldest.length);
      if (cut === oldest.length) this.#tail.shift();
      else this.#tail[0] = oldest.subarray(cut);
      excess -= cut;
      this.#tailBytes -= cut;
      this.#leftOut += cut;
    }
  }

  #flushTail(): void {
    const tail = this.#tail;
    this.#allowance -= this.#tailBytes;
    this.#tail = [];
    this.#tailBytes = 0;
    if (this.#leftOut > 0) {
      this.#send(
        `${this.#decoder.decode()}\u001b[0m\n[milepost: ${this.#leftOut} bytes of output left out]\n`,
      );
      this.#leftOut = 0;
      this.#decoder = new TextDecoder();
      const [first] = tail;
      if (first !== undefined) tail[0] = fromCharacter(first);
    }
    for (const bytes of tail) this.#send(this.#decoder.decode(bytes, { stream: true }));
  }

  #send(text: string): void {
    if (text !== "") this.#append(text);
  }
}

/** Returns the bytes from the first one that begins a character of UTF-8. */
function fromCharacter(bytes: Uint8Array): Uint8Array {
  let start = 0;
  while (start < 3 && ((bytes[start] ?? 0) & 0xc0) === 0x80) start++;
  return bytes.subarray(start);
}
