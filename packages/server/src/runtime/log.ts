import { type DestinationStream, type Logger, pino } from "pino";
import pretty from "pino-pretty";

/** How much is logged. */
export const logLevels = ["trace", "debug", "info", "warn", "error", "silent"] as const;

/** One of {@link logLevels}. */
export type LogLevel = (typeof logLevels)[number];

/** Where and how the log is written. */
export interface LogOptions {
  /** `info` when absent. */
  readonly level?: LogLevel;
  /** For eyes instead of programs; when absent, if standard output is a terminal. */
  readonly readable?: boolean;
  /** Standard output when absent. */
  readonly destination?: DestinationStream;
}

/** Makes the log: one JSON object a line, or readable lines on a terminal. Credentials are never part of it. */
export function createLog(options: LogOptions = {}): Logger {
  const { level = "info", readable = process.stdout.isTTY === true, destination } = options;
  const settings = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    // None of ours writes these; this is for errors that carry a request along.
    redact: {
      paths: ["*.headers.authorization", "*.headers.cookie", "headers.authorization", "token"],
      censor: "[redacted]",
    },
  };
  if (readable) {
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
  return destination === undefined ? pino(settings) : pino(settings, destination);
}
