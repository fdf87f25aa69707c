/** Key under which a channel handle carries the internals of the client that made it. */
export const internals: unique symbol = Symbol("milepost.internals");
