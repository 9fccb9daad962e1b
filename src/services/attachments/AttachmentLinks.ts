/**
 * AttachmentLinks: links to files for programs that cannot send a token, such as the pictures of a page. A link names one
 * file and works for a short time, until a restart at most. AttachmentHandlers makes links, and the route of the files
 * checks them.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { nameOf } from "./AttachmentCheck.ts"

/** The path of the files, below the base path of the gateway. */
export const PREFIX = "/attachments"

export interface AttachmentLink {
  /** The path with its query, which begins with a slash. */
  readonly url: string
  /** Milliseconds since the Unix epoch. */
  readonly expiresAt: number
}

export class AttachmentLinks extends Context.Service<
  AttachmentLinks,
  {
    /** Makes a link that works for `attachments.linkMs`. `name`: for the file that a browser stores. */
    make(id: string, name?: string): Effect.Effect<AttachmentLink>
    /** Returns whether the query belongs to a link to this file that still works. */
    isValid(id: string, query: URLSearchParams): Effect.Effect<boolean>
  }
>()("causeway/services/attachments/AttachmentLinks") {
  static readonly layer: Layer.Layer<AttachmentLinks, never, GatewayConfig> = Layer.effect(
    AttachmentLinks,
    Effect.gen(function* () {
      const { attachments, basePath } = yield* GatewayConfig
      const key = randomBytes(32)

      const signatureOf = (id: string, name: string, expiresAt: string): Buffer =>
        createHmac("sha256", key)
          .update(JSON.stringify([id, name, expiresAt]))
          .digest()

      return AttachmentLinks.of({
        make: Effect.fnUntraced(function* (id: string, given: string = "") {
          const expiresAt = (yield* Clock.currentTimeMillis) + attachments.linkMs
          const name = nameOf(given, "")
          const signature = signatureOf(id, name, String(expiresAt)).toString("base64url")
          const query = new URLSearchParams({ name, expires: String(expiresAt), signature })
          return { url: `${basePath}${PREFIX}/${encodeURIComponent(id)}?${query.toString()}`, expiresAt }
        }),
        isValid: Effect.fnUntraced(function* (id: string, query: URLSearchParams) {
          const expires = query.get("expires") ?? ""
          const given = Buffer.from(query.get("signature") ?? "", "base64url")
          const right = signatureOf(id, query.get("name") ?? "", expires)
          const isSigned = given.byteLength === right.byteLength && timingSafeEqual(given, right)
          return isSigned && Number(expires) > (yield* Clock.currentTimeMillis)
        }),
      })
    }),
  )
}
