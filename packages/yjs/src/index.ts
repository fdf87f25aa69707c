export type { DocumentClient } from "./document-client.ts";
export {
  MilepostProvider,
  type ProviderEvents,
  type ProviderOptions,
  type ProviderStatus,
} from "./provider.ts";
export {
  type Comment,
  mentionsIn,
  type NewComment,
  type Thread,
  Threads,
} from "./threads/threads.ts";
export { snapshotEvent, type UpdateData, updateEvent } from "./update-text.ts";
