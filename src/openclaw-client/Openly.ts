/**
 * Openly: the schema of members that gateways may leave out. Frames.ts, Hello.ts, Methods.ts and Events.ts use it, and the
 * services that read the answers of gateways.
 */
import * as Schema from "effect/Schema"

/** A member that may be missing, undefined or null. */
export const optional = <S extends Schema.Top>(schema: S) => Schema.optional(Schema.NullOr(schema))
