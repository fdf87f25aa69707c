import { isRecord, parseJson } from "@milepost/protocol";

/** Content of a registered session, as it is stored. */
export interface SessionRecord {
  /** Id of the session. Its record is stored under the encoded id. */
  readonly id: string;
  readonly user?: string;
  /** Time of the first registration, in milliseconds since 1970. */
  readonly since: number;
  /** Hash of the session's secret; absent if it has none. */
  readonly digest?: string;
}

/** Reads a stored session; undefined for a value that another version wrote. */
export function readSessionRecord(value: string): SessionRecord | undefined {
  const json = parseJson(value);
  if (!json.ok || !isRecord(json.value)) return undefined;
  const { id, user, since, digest } = json.value;
  if (typeof id !== "string" || typeof since !== "number") return undefined;
  return {
    id,
    since,
    ...(typeof user === "string" ? { user } : {}),
    ...(typeof digest === "string" ? { digest } : {}),
  };
}

const secretLength = 43;
const credential = new RegExp(`^(.+)\\.([A-Za-z0-9_-]{${secretLength}})$`, "s");

/** Characters of a session's secret: 258 random bits. */
export const sessionSecretLength = secretLength;

/** Splits a credential into the encoded id of its session and its secret; undefined if it has another form. */
export function splitCredential(text: string): { name: string; secret: string } | undefined {
  const [, name, secret] = credential.exec(text) ?? [];
  return name === undefined || secret === undefined ? undefined : { name, secret };
}
