/**
 * FileRoute: `GET /attachments/<id>` returns the file of an attachment, to clients with a token and to links that the gateway
 * has signed. The content of a client never becomes a page of the gateway: browsers show pictures, sounds and films, store
 * everything else, and run nothing. Mounts.ts mounts it.
 */
import * as NodeStream from "@effect/platform-node/NodeStream"
import * as Effect from "effect/Effect"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Fs from "node:fs"
import type { Principal } from "../../domain/Principal.ts"
import { AttachmentLinks, PREFIX } from "../../services/attachments/AttachmentLinks.ts"
import { nameOf } from "../../services/attachments/AttachmentCheck.ts"
import { Attachments } from "../../services/attachments/Attachments.ts"
import { isTextType, typeOf } from "../../services/attachments/ContentType.ts"
import { pathOf, queryOf } from "../connection/RequestTarget.ts"
import * as ApiRoutes from "../http/ApiRoutes.ts"
import * as HttpAuth from "../http/HttpAuth.ts"
import { problem } from "../http/Problem.ts"

/** The bytes by which the type of a file is found. */
const HEAD_BYTES = 65_536

/** The caller of a link: it may read, and shares the limits with the other links. */
const linkHolder: Principal = { id: "attachment-link", kind: "token", role: "operator", scopes: ["operator.read"] }

const notFound = problem(404, "no such attachment: its session was deleted, or it never existed")
const expired = problem(403, "the link has expired, or is not one of this gateway: ask for a new one")

/** Types that browsers show without running anything. */
const SHOWN = /^(image\/(png|jpeg|gif|webp|avif|bmp)|audio\/[a-z0-9-]+|video\/[a-z0-9-]+)$/

const headOf = (path: string, size: number): Effect.Effect<Buffer> =>
  Effect.promise(async () => {
    const file = await Fs.promises.open(path)
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.min(size, HEAD_BYTES)), 0)
      return buffer.subarray(0, bytesRead)
    } finally {
      await file.close()
    }
  })

/** Returns the name for the file that a browser stores (RFC 6266). */
const disposition = (type: string, name: string): string => {
  const encoded = encodeURIComponent(name).replace(/['()*]/g, (character) => `%${character.charCodeAt(0).toString(16)}`)
  return `${SHOWN.test(type) ? "inline" : "attachment"}; filename*=UTF-8''${encoded}`
}

/** Lets the holders of a link in, and everybody else by the token. */
const access = Effect.gen(function* () {
  const byToken = yield* HttpAuth.make
  const links = yield* AttachmentLinks
  return ((request, isTokenInQuery) => {
    const query = queryOf(request.originalUrl)
    if (!query.has("signature")) return byToken(request, isTokenInQuery)
    const id = decodeURIComponent(pathOf(request.url).slice(PREFIX.length + 1))
    return Effect.flatMap(links.isValid(id, query), (isValid) =>
      isValid ? Effect.succeed({ principal: linkHolder, remoteAddress: "" }) : Effect.fail(expired),
    )
  }) satisfies HttpAuth.Access
})

const routes = Effect.map(
  Attachments,
  ({ pathOf, sizeOf }) =>
    [
      {
        method: "GET",
        path: "/:id",
        scope: "operator.read",
        handle: Effect.fnUntraced(function* ({ params, query }: ApiRoutes.ApiCall) {
          const { id = "" } = params
          const size = yield* Effect.mapError(sizeOf(id), ({ detail }) => problem(503, detail))
          if (size === undefined) return notFound
          const path = pathOf(id)
          const type = typeOf(yield* headOf(path, size))
          const content = NodeStream.fromReadable({
            evaluate: () => Fs.createReadStream(path),
            onError: (error) => error,
          })
          return HttpServerResponse.stream(content, {
            contentType: isTextType(type) ? `${type}; charset=utf-8` : type,
            contentLength: size,
            headers: {
              "cache-control": "private, max-age=300",
              "content-disposition": disposition(type, nameOf(query.get("name") ?? "", type)),
              "content-security-policy": "sandbox; default-src 'none'",
              "x-content-type-options": "nosniff",
              etag: `"${id}"`,
            },
          })
        }),
      },
    ] satisfies ReadonlyArray<ApiRoutes.ApiRoute>,
)

export const layer = ApiRoutes.layer({ prefix: PREFIX, purpose: "files of messages (HTTP)", access, routes })
