import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { removeWithThisProcess } from "./watchdog.ts";

/** Certificate with its private key, as files in PEM format. */
export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** Certificate authority of a test, made with openssl. Disposing it removes its files. */
export interface TestAuthority extends Disposable {
  /** Folder of all files. */
  readonly folder: string;
  /** PEM file of the authority's own certificate. */
  readonly caFile: string;
  readonly ca: string;
  /** Signs a certificate for these names, which are forms such as `IP:127.0.0.1` and `DNS:localhost`. */
  sign(name: string, names: readonly string[]): CertificateFiles;
}

/** Makes a certificate authority with an elliptic key, whose certificates are valid for a day. */
export function testAuthority(): TestAuthority {
  const folder = mkdtempSync(join(tmpdir(), "milepost-certificates-"));
  const forgetFolder = removeWithThisProcess(folder);
  const at = (name: string) => join(folder, name);
  const openssl = (...words: readonly string[]) =>
    void execFileSync(process.env.MILEPOST_OPENSSL ?? "openssl", [...words], { stdio: "ignore" });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  openssl(
    ...["req", "-x509", ...key, "-keyout", at("ca.key"), "-out", at("ca.pem")],
    ...["-days", "1", "-subj", "/CN=test authority"],
  );
  return {
    folder,
    caFile: at("ca.pem"),
    ca: readFileSync(at("ca.pem"), "utf8"),
    sign(name, names) {
      const [certFile, keyFile, request] = [
        at(`${name}.pem`),
        at(`${name}.key`),
        at(`${name}.csr`),
      ];
      openssl("req", ...key, "-keyout", keyFile, "-out", request, "-subj", `/CN=${name}`);
      writeFileSync(at(`${name}.ext`), `subjectAltName=${names.join(",")}\n`);
      openssl(
        ...["x509", "-req", "-in", request, "-CA", at("ca.pem"), "-CAkey", at("ca.key")],
        ...["-CAcreateserial", "-out", certFile, "-days", "1", "-extfile", at(`${name}.ext`)],
      );
      return { certFile, keyFile };
    },
    [Symbol.dispose]() {
      rmSync(folder, { recursive: true, force: true });
      forgetFolder();
    },
  };
}
