import type { Client } from "../client.ts";
import type { AnyContract, Contract } from "../contract.ts";
import { LiveTree } from "./live-tree.ts";
import type { TreeHandle } from "./tree-view.ts";

export type { TreeHandle, TreePart, TreeView } from "./tree-view.ts";

/** Returns a tree of the parts of an operation, with nothing open but the operation itself. */
export function openTree<C extends Contract = AnyContract>(
  client: Client<C>,
  operationId: string,
): TreeHandle {
  // Internally methods are names; the caller's contract provides their types.
  return new LiveTree(client as unknown as Client, operationId);
}
