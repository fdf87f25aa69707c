/**
 * Code that folds operations and their lists. It is loaded on demand, because a page can draw itself and connect
 * without it.
 */
export { LiveOperation } from "./live-operation.ts";
export { LiveOperationList } from "./live-operation-list.ts";
