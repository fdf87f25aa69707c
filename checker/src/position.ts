/** Position in its written form: `epoch.offset.tag`. */
export interface Place {
  readonly epoch: string;
  readonly offset: number;
  readonly tag: string;
}

/** Parses a position; throws when the text is not a position, because the journal is then invalid. */
export function placeOf(text: string): Place {
  const [epoch, offset, tag, ...rest] = text.split(".");
  const number = Number(offset);
  if (
    epoch === undefined ||
    tag === undefined ||
    rest.length > 0 ||
    !Number.isSafeInteger(number)
  ) {
    throw new Error(`"${text}" is not a position; expected epoch.offset.tag`);
  }
  return { epoch, offset: number, tag };
}
