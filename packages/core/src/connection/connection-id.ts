import type { Random } from "@milepost/engine";
import { sha256Hex } from "@milepost/protocol";
import { type Principal, personOf } from "../rules/principal.ts";

const randomLength = 10;
const proofLength = 10;
const anyoneLength = randomLength + proofLength;

/**
 * Returns a new id for a connection. It is random, and its end proves to every node whose connection it was: a client
 * that comes back on another node may keep it, and nobody else can take it.
 */
export function newConnectionId(principal: Principal, random: Random): string {
  const owner = ownerText(principal);
  if (owner === undefined) return random.id(anyoneLength);
  const start = random.id(randomLength);
  return start + proofOf(start, owner);
}

/** True if the id was made for a connection of this person or service, by whichever node. */
export function isOwnConnectionId(id: string, principal: Principal): boolean {
  const owner = ownerText(principal);
  if (owner === undefined || id.length !== anyoneLength) return false;
  const start = id.slice(0, randomLength);
  return id === start + proofOf(start, owner);
}

/** Owner as text; undefined for a credential that names nobody. */
function ownerText(principal: Principal): string | undefined {
  if (principal.kind === "service") return JSON.stringify(["service", principal.name]);
  const { user, session, guest } = personOf(principal);
  if (user === undefined && session === undefined && guest === undefined) return undefined;
  return JSON.stringify([user ?? null, session ?? null, guest ?? null]);
}

/**
 * A hash without a secret suffices: to take the id of somebody else, one needs a credential whose own name happens to
 * give the same 40 bits.
 */
function proofOf(start: string, owner: string): string {
  return sha256Hex(encoder.encode(`${start} ${owner}`)).slice(0, proofLength);
}

const encoder = new TextEncoder();
