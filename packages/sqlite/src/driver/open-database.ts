import { createRequire } from "node:module";
import process from "node:process";
import { MilepostError } from "@milepost/protocol";
import type { Database, Row, Statement, Value } from "./database.ts";

/** What both libraries offer alike. */
interface NativeStatement {
  run(...values: readonly Value[]): { readonly changes: number | bigint };
  get(...values: readonly Value[]): unknown;
  all(...values: readonly Value[]): unknown;
}

interface NativeDatabase {
  exec(sql: string): unknown;
  prepare(sql: string): NativeStatement;
  close(): unknown;
}

interface Library {
  readonly name: string;
  open(path: string): NativeDatabase;
}

const require = createRequire(import.meta.url);

/** Opens a SQLite file with the library of this platform, and creates the file where there is none. */
export function openDatabase(path: string): Database {
  const { name, open } = library();
  const database = open(path);
  return {
    library: name,
    exec: (sql) => {
      database.exec(sql);
    },
    prepare: (sql) => wrapped(database.prepare(sql)),
    close: () => {
      database.close();
    },
  };
}

/** Returns the name of the library of this platform, and the path by which a thread loads it if it is a package. */
export function libraryInThread(): { readonly name: string; readonly path?: string } {
  const { name } = library();
  return name === "libsql" ? { name, path: require.resolve(name) } : { name };
}

let chosen: Library | undefined;

function library(): Library {
  chosen ??= builtIn() ?? fromPackage();
  return chosen;
}

/** Returns the SQLite of Node: 22.13 and newer have it without a flag. */
function builtIn(): Library | undefined {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major < 22 || (major === 22 && minor < 13)) return undefined;
  const { DatabaseSync } = withoutWarning(
    () =>
      require("node:sqlite") as {
        readonly DatabaseSync: new (path: string) => NativeDatabase;
      },
  );
  return { name: "node:sqlite", open: (path) => new DatabaseSync(path) };
}

/** Returns the SQLite of a package with binaries made for each platform, so that nothing compiles at install. */
function fromPackage(): Library {
  try {
    const Libsql = require("libsql") as new (path: string) => NativeDatabase;
    return { name: "libsql", open: (path) => new Libsql(path) };
  } catch (error) {
    throw new MilepostError(
      "store_unavailable",
      "this Node has no SQLite, and the package libsql has no binary for this platform; use Node 22.13 or newer, or --memory",
      { cause: error },
    );
  }
}

/** Node warns that its SQLite is new. Operators can do nothing about it, so the warning is left out. */
function withoutWarning<T>(load: () => T): T {
  const { emitWarning } = process;
  process.emitWarning = (() => {}) as typeof process.emitWarning;
  try {
    return load();
  } finally {
    process.emitWarning = emitWarning;
  }
}

function wrapped(statement: NativeStatement): Statement {
  return {
    run: (...values) => Number(statement.run(...values.map(written)).changes),
    get: (...values) => {
      const row = statement.get(...values.map(written)) as Row | undefined;
      return row && readRow(row);
    },
    all: (...values) => {
      const rows = statement.all(...values.map(written)) as readonly Row[];
      return rows.map(readRow);
    },
  };
}

const escapeMark = "\u001b";
/** Half of a surrogate pair: with this flag, whole pairs are one character each. */
const halfPair = /[\ud800-\udfff]/u;

/**
 * Returns a value as it is written. SQLite keeps text as UTF-8, which has no halves of surrogate pairs, and one library
 * ends a text at its first zero. Such a text is written as an escape and its JSON.
 */
function written(value: Value): Value {
  if (typeof value !== "string") return value;
  const isPlain = !halfPair.test(value) && !value.includes("\0") && !value.startsWith(escapeMark);
  return isPlain ? value : `${escapeMark}${JSON.stringify(value)}`;
}

function readRow(row: Row): Row {
  for (const value of Object.values(row)) {
    if (typeof value === "string" && value.startsWith(escapeMark)) return unescaped(row);
  }
  return row;
}

function unescaped(row: Row): Row {
  const values = Object.entries(row).map(([name, value]) => [
    name,
    typeof value === "string" && value.startsWith(escapeMark)
      ? (JSON.parse(value.slice(1)) as string)
      : value,
  ]);
  return Object.fromEntries(values) as Row;
}
