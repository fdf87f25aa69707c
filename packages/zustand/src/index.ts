export { type MilepostOptions, milepost } from "./milepost.ts";
export type {
  ChannelSlice,
  ConnectionSlice,
  MilepostActions,
  MilepostState,
  MilepostValues,
  StoredError,
  WatchOptions,
} from "./milepost-state.ts";
export { persistOptions } from "./persist-options.ts";
export {
  selectAgent,
  selectChannel,
  selectConnection,
  selectMessages,
  selectOperation,
} from "./selectors.ts";
