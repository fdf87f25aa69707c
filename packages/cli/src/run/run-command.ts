import { basename } from "node:path";
import type { Operation, Problem } from "@milepost/producer";
import { createProducer, httpGateway } from "@milepost/producer";
import { cutText, MilepostError } from "@milepost/protocol";
import type { Terminal } from "../terminal.ts";
import { ChildGroup, type Ending } from "./child-group.ts";
import { LiveOutput } from "./live-output.ts";
import { OutputLines, progressOf } from "./progress-pattern.ts";
import { TerminalProgressScanner } from "./terminal-progress.ts";

/** Options of `milepost run`, as the command line gave them. */
export interface RunRequest {
  readonly command: readonly string[];
  readonly url: URL;
  readonly apiKey: string;
  readonly kind: string;
  readonly title: string | undefined;
  readonly size: number | undefined;
  readonly session: string | undefined;
  readonly user: string | undefined;
  readonly collection: string | undefined;
  readonly operationId: string | undefined;
  /** `together`: one text `output`; `apart`: the texts `stdout` and `stderr`; `none`: the output is not reported. */
  readonly output: "together" | "apart" | "none";
  readonly progress: RegExp | undefined;
  readonly graceMs: number;
  readonly deliverMs: number;
  readonly quiet: boolean;
  /** Environment of the command. */
  readonly env: NodeJS.ProcessEnv;
}

/** End of a command with an exit code other than 0, as the operation reports it. */
class CommandEnded extends Error {
  readonly code: string;
  readonly retryable = false;

  constructor(code: string, message: string) {
    super(message);
    this.name = "CommandEnded";
    this.code = code;
  }
}

/** Interval at which output that was held back is reported, in milliseconds. */
const catchUpMs = 250;
/** Silence after the end of the command after which output that is still open is closed, in milliseconds. */
const leftBehindMs = 1_000;
/** Silence after which a line without an end is searched for progress, in milliseconds. */
const quietMs = 100;
/** Signals with which a person or a supervisor ends a program. */
const endingSignals: ReadonlySet<NodeJS.Signals> = new Set([
  "SIGINT",
  "SIGTERM",
  "SIGHUP",
  "SIGQUIT",
]);

/**
 * Runs a command as an operation and resolves to its exit code.
 *
 * The command starts at once and runs to its own end, whatever becomes of the gateway: nothing here waits for a report,
 * except at most `deliverMs` after the command has ended.
 */
export async function runCommandAsOperation(
  request: RunRequest,
  terminal: Terminal,
): Promise<number> {
  const say = (text: string) => {
    if (!request.quiet) terminal.err(`milepost: ${text}`);
  };
  const producer = createProducer({
    gateway: httpGateway({ url: request.url, apiKey: request.apiKey }),
    closingFlushMs: request.deliverMs,
    onProblem: tellOnce(say),
  });
  const interrupted = new AbortController();
  const { command, kind, session, user, collection, operationId, size } = request;
  let ending: Ending | undefined;
  const run = producer.start(
    {
      kind,
      // Arguments may hold secrets, so the title names the program alone.
      title: request.title ?? basename(command[0] ?? ""),
      signal: interrupted.signal,
      ...(session !== undefined && { session }),
      ...(user !== undefined && { user }),
      ...(collection !== undefined && { collection }),
      ...(operationId !== undefined && { operationId }),
      ...(size !== undefined && { size }),
    },
    async (op) => {
      const startedAt = performance.now();
      ending = await execute(request, op, terminal, interrupted);
      const { exitCode, signal, startFailure } = ending;
      if (exitCode === 0) {
        // A command that obeys a cancel may well end with 0.
        if (isCancelled(op.signal)) throw op.signal.reason;
        return { exit_code: 0, duration_ms: Math.round(performance.now() - startedAt) };
      }
      const says = wordsOf(ending);
      if (startFailure !== undefined) say(`${command[0]}: ${startFailure}`);
      op.log({
        level: "error",
        message: says,
        data: { exit_code: exitCode, ...(signal !== undefined && { signal }) },
      });
      throw new CommandEnded(signal?.toLowerCase() ?? `exit_${exitCode}`, says);
    },
  );
  if (terminal.columns !== undefined) say(`operation ${run.operationId}`);
  await run.finished;
  await producer.close();
  if (!(await run.delivered)) {
    say("the gateway did not get all of the reports; the exit code is that of the command");
  }
  return ending?.exitCode ?? 1;
}

function isCancelled(signal: AbortSignal): boolean {
  return signal.aborted && !isTakenOver(signal);
}

/** Returns true if another producer reports on the operation now. That does not concern the command. */
function isTakenOver({ reason }: AbortSignal): boolean {
  return reason instanceof MilepostError && reason.code === "stale_lease";
}

function wordsOf({ exitCode, signal, startFailure }: Ending): string {
  if (startFailure !== undefined) return `could not be started: ${startFailure}`;
  return signal === undefined ? `ended with exit code ${exitCode}` : `ended by ${signal}`;
}

/** Returns a listener that tells of each kind of problem once. */
function tellOnce(say: (text: string) => void): (problem: Problem) => void {
  const told = new Set<string>();
  return ({ code, message, effect }) => {
    const kind = `${code} ${effect}`;
    if (told.has(kind) || told.size > 20) return;
    told.add(kind);
    const goesOn = effect === "dropped" ? "" : "; the command runs on";
    say(`${code}: ${cutText(message, 300)}${goesOn}`);
  };
}

async function execute(
  request: RunRequest,
  op: Operation,
  terminal: Terminal,
  interrupted: AbortController,
): Promise<Ending> {
  const env = { ...request.env, MILEPOST_OPERATION_ID: op.id };
  const group = new ChildGroup(request.command, env, request.graceMs);
  let isOver = false;
  let isPaused = false;
  let signalled: NodeJS.Signals | undefined;
  let terminating: Promise<void> | undefined;

  op.pausable({
    pause() {
      if (!group.signal("SIGSTOP")) throw new Error("the command has ended");
      isPaused = true;
    },
    resume() {
      isPaused = false;
      group.signal("SIGCONT");
    },
  });
  const onAbort = () => {
    if (isOver || isTakenOver(op.signal)) return;
    terminating ??= group.terminate();
  };
  op.signal.addEventListener("abort", onAbort, { once: true });
  const stopListening = terminal.onSignal((signal) => {
    if (signal === "SIGTSTP") {
      // The shell stops this process; the command is in a group of its own and stops with it.
      group.signal("SIGSTOP");
      process.kill(process.pid, "SIGSTOP");
      return;
    }
    if (signal === "SIGCONT" && isPaused) return;
    if (endingSignals.has(signal)) signalled = signal;
    group.signal(signal);
    // A stopped process acts on a signal once it continues.
    if (endingSignals.has(signal) && isPaused) group.signal("SIGCONT");
  });

  const report = reportTo(op, request);
  const passages = [
    new Passage(group.stdout, "out", terminal, report.stdout),
    new Passage(group.stderr, "err", terminal, report.stderr),
  ];
  const ending = await group.ended;
  isOver = true;
  const closing = setInterval(() => {
    if (passages.every((passage) => passage.isIdle)) group.closeOutput();
  }, leftBehindMs / 4);
  await Promise.all(passages.map((passage) => passage.over));
  clearInterval(closing);
  await terminating;
  stopListening();
  op.signal.removeEventListener("abort", onAbort);
  report.end();
  if (signalled !== undefined && ending.exitCode !== 0) {
    interrupted.abort(new MilepostError("cancelled", `interrupted by ${signalled}`));
  }
  return ending;
}

/** Passes output on to the terminal as it is. A slow terminal slows the command, as it would without this process. */
class Passage {
  /** Resolves when the output has ended, or nobody reads it any more. Never rejects. */
  readonly over: Promise<void>;
  #isWriting = false;
  #isOver = false;
  #lastAt = performance.now();

  constructor(
    from: NodeJS.ReadableStream | null,
    to: "out" | "err",
    terminal: Terminal,
    report: (bytes: Buffer) => void,
  ) {
    this.over = this.#pass(from, to, terminal, report).finally(() => {
      this.#isOver = true;
    });
  }

  /** True if no output came for a while, and none waits for the terminal. */
  get isIdle(): boolean {
    return this.#isOver || (!this.#isWriting && performance.now() - this.#lastAt > leftBehindMs);
  }

  async #pass(
    from: NodeJS.ReadableStream | null,
    to: "out" | "err",
    terminal: Terminal,
    report: (bytes: Buffer) => void,
  ): Promise<void> {
    if (from === null) return;
    try {
      for await (const chunk of from) {
        const bytes = chunk as Buffer;
        report(bytes);
        this.#isWriting = true;
        const isRead = await terminal.pass(to, bytes);
        this.#isWriting = false;
        this.#lastAt = performance.now();
        // Ending the loop closes the pipe, so that the command gets SIGPIPE as it would from the reader itself.
        if (!isRead) break;
      }
    } catch {
      // The pipe was closed, since a process that the command left behind kept it open.
    }
  }
}

interface OutputReport {
  readonly stdout: (bytes: Buffer) => void;
  readonly stderr: (bytes: Buffer) => void;
  /** Reports what is still kept. */
  end(): void;
}

/** Returns functions that report output on an operation: as text, and the progress that it shows. */
function reportTo(op: Operation, { output, progress }: RunRequest): OutputReport {
  const now = () => performance.now();
  const live = (name: string) => new LiveOutput((text) => void op.text(name).append(text), now);
  const together = live("output");
  const texts = output === "apart" ? [live("stdout"), live("stderr")] : [together, together];
  const lines = [0, 1].map(
    () =>
      new OutputLines((line) => {
        const found = progress && progressOf(progress, line);
        if (found !== undefined) op.progress(found);
      }),
  );
  const scanners = [new TerminalProgressScanner(), new TerminalProgressScanner()];
  let quiet: NodeJS.Timeout | undefined;
  const readRest = () => {
    for (const one of lines) one.pause();
  };
  const catchingUp = setInterval(() => {
    for (const text of texts) text.catchUp();
  }, catchUpMs);
  const writer = (index: 0 | 1) => (bytes: Buffer) => {
    if (output !== "none") texts[index]?.write(bytes);
    const shown = scanners[index]?.scan(bytes);
    if (shown !== undefined) {
      op.progress({ percent: shown.percent, ...(shown.isNew && { reset: true }) });
    }
    if (progress === undefined) return;
    lines[index]?.write(bytes);
    clearTimeout(quiet);
    quiet = setTimeout(readRest, quietMs);
  };
  return {
    stdout: writer(0),
    stderr: writer(1),
    end() {
      clearInterval(catchingUp);
      clearTimeout(quiet);
      if (progress !== undefined) readRest();
      if (output === "none") return;
      for (const text of new Set(texts)) text.end();
      for (const name of output === "apart" ? ["stdout", "stderr"] : ["output"])
        op.text(name).done();
    },
  };
}
