/**
 * StorageUnavailable: the error of every method that writes. The services that store state fail with it.
 */
import * as Schema from "effect/Schema"

/**
 * The write failed: the disk is full, gone or read-only, or another program kept the database locked for longer than
 * `lockWaitMs`. Nothing was changed, so it is safe to try again.
 */
export class StorageUnavailable extends Schema.TaggedError<StorageUnavailable>()("StorageUnavailable", {
  detail: Schema.String,
}) {}
