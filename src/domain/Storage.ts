/**
 * StorageUnavailable: the error of every method that writes. The services that store state fail with it.
 */
import * as Schema from "effect/Schema"

/**
 * The write failed: the disk is full, gone or read-only, or the database was locked or out of reach for longer than
 * `lockWaitMs`. Nothing was changed, so it is safe to try again. One exception: if the connection to PostgreSQL is lost
 * during a commit, the change may have been made, and `detail` says so. Then try again with the same idempotency key.
 */
export class StorageUnavailable extends Schema.TaggedError<StorageUnavailable>()("StorageUnavailable", {
  detail: Schema.String,
}) {}
