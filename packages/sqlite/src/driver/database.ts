/** Value of a column or of a parameter of a statement. */
export type Value = string | number | null;

/** Row of a result, by the names of its columns. */
export type Row = Readonly<Record<string, Value>>;

/** Prepared statement. Calls run on the thread of the caller, to their end. */
export interface Statement {
  /** Runs the statement and returns the number of rows that it changed. */
  run(...values: readonly Value[]): number;
  /** Returns the first row. */
  get(...values: readonly Value[]): Row | undefined;
  all(...values: readonly Value[]): readonly Row[];
}

/** Open SQLite file, whichever library opened it. */
export interface Database {
  /** Name of the library: `node:sqlite` or `libsql`. */
  readonly library: string;
  exec(sql: string): void;
  prepare(sql: string): Statement;
  close(): void;
}

/** Cause of a failure of SQLite, as far as the store treats it differently. */
export type FailureKind = "full" | "busy" | "readonly" | "corrupt" | "disk" | "other";

const kinds: Readonly<Record<number, FailureKind>> = {
  5: "busy",
  6: "busy",
  8: "readonly",
  10: "disk",
  11: "corrupt",
  13: "full",
  14: "disk",
  26: "corrupt",
};
const names: Readonly<Record<string, FailureKind>> = {
  SQLITE_BUSY: "busy",
  SQLITE_LOCKED: "busy",
  SQLITE_READONLY: "readonly",
  SQLITE_CANTOPEN: "disk",
  SQLITE_CORRUPT: "corrupt",
  SQLITE_FULL: "full",
  SQLITE_IOERR: "disk",
  SQLITE_NOTADB: "corrupt",
};

/** Returns why SQLite has failed. Both libraries give the result code, each in its own place. */
export function failureKindOf(error: unknown): FailureKind {
  const { code, errcode, rawCode } = error as {
    readonly code?: unknown;
    readonly errcode?: unknown;
    readonly rawCode?: unknown;
  };
  const number = typeof errcode === "number" ? errcode : rawCode;
  // The low byte is the code, the others say more about it.
  const byNumber = typeof number === "number" ? kinds[number & 0xff] : undefined;
  if (byNumber !== undefined) return byNumber;
  const name = typeof code === "string" ? /^SQLITE_[A-Z]+/.exec(code)?.[0] : undefined;
  return (name === undefined ? undefined : names[name]) ?? "other";
}
