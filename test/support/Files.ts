/** Files to attach: small pictures and documents with the right first bytes. Waits for the removal of files. */
import * as Effect from "effect/Effect"
import { existsSync, watch } from "node:fs"
import { dirname } from "node:path"

/** A PNG with the given header. Its pixels are missing, which nobody here looks at. */
export const png = (width = 2, height = 3, content = ""): Buffer => {
  const header = Buffer.alloc(33)
  header.write("\x89PNG\r\n\x1a\n", 0, "latin1")
  header.writeUInt32BE(13, 8)
  header.write("IHDR", 12, "latin1")
  header.writeUInt32BE(width, 16)
  header.writeUInt32BE(height, 20)
  return Buffer.concat([header, Buffer.from(content)])
}

export const base64 = (bytes: Uint8Array | string): string => Buffer.from(bytes).toString("base64")

/** Returns a file of a message. */
export const upload = (name: string, bytes: Uint8Array | string, type?: string) => ({
  name,
  data: base64(bytes),
  ...(type !== undefined && { type }),
})

/** Waits until the file is gone. */
export const untilGone = (path: string): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    const look = () => {
      if (existsSync(path)) return
      watcher.close()
      resume(Effect.void)
    }
    const watcher = watch(dirname(path), look)
    look()
    return Effect.sync(() => watcher.close())
  })
