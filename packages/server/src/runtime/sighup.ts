import { isatty } from "node:tty";

/** Part of the process object that {@link onSighup} needs. */
interface SighupPort {
  on(event: "SIGHUP", listener: () => void): unknown;
  removeListener(event: "SIGHUP", listener: () => void): unknown;
}

/**
 * Calls `listener` at each SIGHUP; returns a function that stops this.
 *
 * If SIGHUP came because the terminal has closed, the process ends by the signal, as other programs do.
 * Otherwise it would hold its port for ever, with nobody able to control it or to read its output.
 */
export function onSighup(host: SighupPort, listener: () => void): () => void {
  const hadTerminal = isatty(0);
  const remove = () => host.removeListener("SIGHUP", hungUp);
  const hungUp = () => {
    if (!hadTerminal || isatty(0)) {
      listener();
      return;
    }
    remove();
    process.kill(process.pid, "SIGHUP");
  };
  host.on("SIGHUP", hungUp);
  return remove;
}
