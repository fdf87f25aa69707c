import { isatty } from "node:tty";

/** What is used of the process. */
interface SighupPort {
  on(event: "SIGHUP", listener: () => void): unknown;
  removeListener(event: "SIGHUP", listener: () => void): unknown;
}

/**
 * Calls `listener` at each SIGHUP until what it returns is called.
 *
 * Where that comes because the terminal is gone the process ends by it instead, as others do: nobody could tell it
 * anything any more or read what it writes, and it would hold its port for ever.
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
