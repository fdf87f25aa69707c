import { type DestinationStream, type Logger, pino } from "pino";
import pretty from "pino-pretty";

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

/** Creates the log: one JSON object per line, or readable lines on a terminal. Credentials are redacted. */
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
