/** A position as it is written: `epoch.offset.tag`. */
export interface Place {
  readonly epoch: string;
  readonly offset: number;
  readonly tag: string;
}

/** Reads a position; the journal is at fault when it is none. */
export function placeOf(text: string): Place {
  const [epoch, offset, tag, ...rest] = text.split(".");
  const number = Number(offset);
  if (
    epoch === undefined ||
    tag === undefined ||
    rest.length > 0 ||
    !Number.isSafeInteger(number)
  ) {
    throw new Error(`"${text}" is no position`);
  }
  return { epoch, offset: number, tag };
}
