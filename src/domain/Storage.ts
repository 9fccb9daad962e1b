/**
 * The failure of storage, as a caller learns of it. What the storage is, services know.
 */
import * as Schema from "effect/Schema"

/**
 * The write did not happen: the disk is full, gone or read-only, or another program has kept the database locked for the
 * time of the option `lockWaitMs`. Nothing was changed; it is safe to try again.
 */
export class StorageUnavailable extends Schema.TaggedError<StorageUnavailable>()("StorageUnavailable", {
  detail: Schema.String,
}) {}
