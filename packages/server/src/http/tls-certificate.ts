import { X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { createSecureContext } from "node:tls";
import type { CoreLog } from "@milepost/core";
import type { Cancel, Clock } from "@milepost/engine";

/** Files of the certificate with which the gateway serves TLS, both in PEM format. */
export interface TlsFiles {
  /** File of the certificate, followed by those of its authorities up to the root. */
  readonly certFile: string;
  /** File of the certificate's private key, without a passphrase. */
  readonly keyFile: string;
}

/** Certificate and private key, as PEM text. */
export interface TlsMaterial {
  readonly cert: string;
  readonly key: string;
}

/** Interval between checks whether the files have changed, in milliseconds. */
const checkEveryMs = 1_000;

/**
 * Reads a certificate and its key. Throws an error that says in one line which file is wrong and why, without any of
 * its text.
 */
export function readTlsFiles({ certFile, keyFile }: TlsFiles): TlsMaterial {
  const cert = readPem(certFile, "certificate");
  const key = readPem(keyFile, "private key");
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(
      `the certificate ${certFile} and the key ${keyFile} cannot be used together: ${reason.trim()}; give the key of this certificate, without a passphrase`,
    );
  }
  return { cert, key };
}

function readPem(path: string, what: string): string {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : "unknown";
    throw new Error(`the ${what} ${path} cannot be read (${code}); check its path and permissions`);
  }
  if (text.includes("-----BEGIN ")) return text;
  throw new Error(`the ${what} ${path} has no PEM block; give the file in PEM format`);
}

/** Returns the time at which a certificate expires, in milliseconds since 1970. */
function endOf(cert: string): number {
  return Date.parse(new X509Certificate(cert).validTo);
}

/**
 * Certificate that follows its files. A changed file is read once it has stayed the same for a second, so that a
 * certificate and its key may be replaced one after the other. Files that cannot be used are logged, and the certificate
 * before stays in use.
 */
export class TlsCertificate {
  readonly #files: TlsFiles;
  readonly #clock: Pick<Clock, "after" | "now">;
  readonly #log: Pick<CoreLog, "info" | "warn">;
  readonly #onChange: (material: TlsMaterial) => void;
  /** Sizes and times of the files: at the last check, and when they were last read. */
  #seen: string;
  #read: string;
  #cancel: Cancel = () => {};

  constructor(
    files: TlsFiles,
    parts: {
      readonly clock: Pick<Clock, "after" | "now">;
      readonly log: Pick<CoreLog, "info" | "warn">;
      readonly onChange: (material: TlsMaterial) => void;
    },
  ) {
    this.#files = files;
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#onChange = parts.onChange;
    this.#seen = this.#look();
    this.#read = this.#seen;
  }

  /** Warns if the certificate has expired, and follows its files until {@link TlsCertificate.close}. */
  follow({ cert }: TlsMaterial): void {
    this.#warnIfExpired(cert);
    this.#checkLater();
  }

  close(): void {
    this.#cancel();
  }

  #checkLater(): void {
    this.#cancel = this.#clock.after(checkEveryMs, () => {
      this.#check();
      this.#checkLater();
    });
  }

  #check(): void {
    const look = this.#look();
    const isSettled = look === this.#seen;
    this.#seen = look;
    if (!isSettled || look === this.#read) return;
    this.#read = look;
    try {
      const material = readTlsFiles(this.#files);
      this.#onChange(material);
      const valid_until = new Date(endOf(material.cert)).toISOString();
      this.#log.info(
        { event: "tls.renewed", valid_until },
        "new connections use the renewed TLS certificate",
      );
      this.#warnIfExpired(material.cert);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#log.warn(
        { event: "tls.unusable", reason },
        "the renewed TLS certificate cannot be used: the old one stays",
      );
    }
  }

  #warnIfExpired(cert: string): void {
    const end = endOf(cert);
    if (end > this.#clock.now()) return;
    const expired_at = new Date(end).toISOString();
    this.#log.warn(
      { event: "tls.expired", expired_at },
      "the TLS certificate has expired; clients refuse it: renew it",
    );
  }

  /** Returns what the file system says of the files. It follows links, as certificate managers swap them. */
  #look(): string {
    const { certFile, keyFile } = this.#files;
    return [certFile, keyFile]
      .map((path) => {
        const stat = statSync(path, { throwIfNoEntry: false });
        return stat === undefined ? "-" : `${stat.ino}:${stat.size}:${stat.mtimeMs}`;
      })
      .join(" ");
  }
}
