import { readBoolean } from "@milepost/protocol";
import { orThrow, readInput } from "../input/input.ts";
import type { Method } from "./method-services.ts";

/** Method `connection.visible {visible}`: says whether the page of this connection is visible. */
export const reportVisibility: Method = async (_services, _principal, params, caller) => {
  const visible = orThrow(readInput(params, (fields) => fields.required("visible", readBoolean)));
  caller.onVisibility(visible);
  return { visible };
};
