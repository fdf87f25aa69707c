import { createRequire } from "node:module";
import { type DestinationStream, type Logger, pino } from "pino";
import type { PinoPretty } from "pino-pretty";
import { printable, printableJson, printableLines } from "./printable.ts";
import { reasonOf } from "./reason.ts";

/** Log levels, from the most to the least verbose. */
export const logLevels = ["trace", "debug", "info", "warn", "error", "silent"] as const;

/** Log level, one of {@link logLevels}. */
export type LogLevel = (typeof logLevels)[number];

/** Destination and format of the log. */
export interface LogOptions {
  /** Least severe level that is logged; default `info`. */
  readonly level?: LogLevel;
  /** True for a readable format instead of JSON; default true if standard output is a terminal. */
  readonly readable?: boolean;
  /** Destination of the lines; default standard output. */
  readonly destination?: DestinationStream;
}

/** Maximum size of the lines that wait because they cannot be written, in bytes. Further lines are dropped. */
const maxWaitingBytes = 1_048_576;

/**
 * Creates the log: one JSON object per line, or readable lines on a terminal. Credentials are redacted. Characters
 * that a terminal would act on are escaped, in readable lines replaced.
 *
 * When standard output cannot be written, because its disk is full or its reader is gone, one line on standard error
 * says so, and the program goes on.
 */
export function createLog(options: LogOptions = {}): Logger {
  const { level = "info", readable = process.stdout.isTTY === true, destination } = options;
  const settings = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    // The gateway itself logs none of these fields. But an error of another library may contain the request
    // that caused it.
    redact: {
      paths: ["*.headers.authorization", "*.headers.cookie", "headers.authorization", "token"],
      censor: "[redacted]",
    },
    hooks: { streamWrite: readable ? printableRecord : printableLine },
  };
  if (readable) {
    // Only a terminal needs it, so that other gateways do not load it.
    const pretty: typeof PinoPretty = createRequire(import.meta.url)("pino-pretty");
    return pino(
      settings,
      pretty({
        translateTime: "HH:MM:ss.l",
        ...(destination !== undefined && {
          destination: destination as NodeJS.WritableStream & DestinationStream,
        }),
      }),
    );
  }
  return pino(settings, destination ?? standardOutput());
}

function standardOutput(): DestinationStream {
  const output = pino.destination({ dest: 1, sync: true, maxLength: maxWaitingBytes });
  let isTold = false;
  output.on("error", (error: unknown) => {
    if (!isTold) process.stderr.write(`the log cannot be written: ${reasonOf(error)}\n`);
    isTold = true;
  });
  return output;
}

function printableLine(line: string): string {
  return printableJson(line);
}

/** Replaces what a terminal would act on in the texts of a line, before it is written in readable form. */
function printableRecord(line: string): string {
  const record: unknown = JSON.parse(line, (name, value: unknown) => {
    if (typeof value !== "string") return value;
    return name === "stack" ? printableLines(value) : printable(value);
  });
  return `${JSON.stringify(record)}\n`;
}
