import type { PushOptions, ReachOptions } from "../reach/target-sender.ts";
import { messageOf, type ReadFile } from "./environment.ts";
import type { EgressSetting } from "./reach-schema.ts";

/** Settings from which the ways to reach users who are away follow. */
interface ReachSettings {
  readonly push: PushOptions | undefined;
  readonly webhookSecret: string;
  readonly egress: EgressSetting;
}

/**
 * Returns the ways to reach users who are away; undefined where none is set. An unreadable file is added to
 * `mistakes`.
 */
export function reachOf(
  { push, webhookSecret, egress }: ReachSettings,
  readFile: ReadFile,
  mistakes: string[],
): ReachOptions | undefined {
  const { allow = [], caFile } = egress;
  let ca: string | undefined;
  try {
    ca = caFile === undefined ? undefined : readFile(caFile);
  } catch (error) {
    mistakes.push(`egress.caFile: cannot read ${caFile} (${messageOf(error)})`);
  }
  if (push === undefined && webhookSecret === "") return undefined;
  return {
    ...(push === undefined ? {} : { push }),
    ...(webhookSecret === "" ? {} : { webhookSecret }),
    egress: { allow, ...(ca === undefined ? {} : { ca }) },
  };
}
