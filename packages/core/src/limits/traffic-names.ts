/** Scopes in which a node counts traffic. */
export const trafficScopes = ["connection", "session", "user", "node"] as const;
export type TrafficScope = (typeof trafficScopes)[number];

/** Kinds of traffic that are counted. */
export const trafficKinds = ["messages", "bytes", "control"] as const;
export type TrafficKind = (typeof trafficKinds)[number];
