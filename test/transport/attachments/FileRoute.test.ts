/** FileRoute: files over HTTP, by links and by the token. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { TestClock } from "effect/testing"
import { GatewayClient } from "../../../src/client/GatewayClient.ts"
import { GatewayConfig } from "../../../src/domain/GatewayConfig.ts"
import { AttachmentLinks } from "../../../src/services/attachments/AttachmentLinks.ts"
import { png, upload } from "../../support/Files.ts"
import { ask } from "../../support/HttpRequests.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const withClient = (options: TestGateway.TestGatewayOptions = {}) =>
  TestGateway.client.pipe(Layer.provideMerge(TestGateway.layer(options)))

/** Sends a file and returns its id with a link. */
const linked = Effect.fnUntraced(function* (file: ReturnType<typeof upload>) {
  const { calls } = yield* GatewayClient
  const { runId } = yield* calls["chat.send"]({ text: "", sessionKey: "s", attachments: [file] })
  yield* calls["runs.wait"]({ runId })
  const [found] = (yield* calls["attachments.list"]({ sessionKey: "s" })).attachments
  const { id, name } = found!.attachment
  return { id, ...(yield* calls["attachments.link"]({ id, name })) }
})

const byLink = (url: string) => ask(url, { token: null })

describe("FileRoute", () => {
  it.live("A link shows a picture without a token, and the browser runs nothing of it.", () =>
    Effect.gen(function* () {
      const { expiresAt, url } = yield* linked(upload("cät (1).png", png()))
      expect(expiresAt).toBeGreaterThan(Date.now())
      const { headers, status } = yield* byLink(url)
      expect(status).toBe(200)
      expect(headers).toMatchObject({
        "content-type": "image/png",
        "content-length": "33",
        "content-disposition": "inline; filename*=UTF-8''c%C3%A4t%20%281%29.png",
        "content-security-policy": "sandbox; default-src 'none'",
        "x-content-type-options": "nosniff",
      })
    }).pipe(Effect.provide(withClient())),
  )

  it.live("A page and an SVG are stored, never shown.", () =>
    Effect.gen(function* () {
      const page = yield* linked(upload("a.html", "<script>alert(1)</script>", "text/html"))
      expect(yield* byLink(page.url)).toMatchObject({
        text: "<script>alert(1)</script>",
        headers: {
          "content-type": "text/plain; charset=utf-8",
          "content-disposition": "attachment; filename*=UTF-8''a.html",
        },
      })
      const svg = yield* linked(upload("a.svg", "<svg onload='alert(1)'/>", "image/svg+xml"))
      expect((yield* byLink(svg.url)).headers["content-type"]).toBe("text/plain; charset=utf-8")
    }).pipe(Effect.provide(withClient())),
  )

  it.live("A changed link, and a link to another file, open nothing.", () =>
    Effect.gen(function* () {
      const { id, url } = yield* linked(upload("a.txt", "secret"))
      const changes = [
        url.replace(/expires=\d+/, "expires=99999999999999"),
        url.replace("name=a.txt", "name=b.html"),
        url.replace(/signature=./, "signature=_"),
        url.replace(/signature=.*/, "signature="),
        url.replace(id, "b".repeat(64)),
        url.replace(id, "..%2F..%2Ftoken"),
      ]
      for (const changed of changes) {
        const { status, text } = yield* byLink(changed)
        expect([status, text.includes("secret")], changed).toEqual([403, false])
      }
    }).pipe(Effect.provide(withClient())),
  )

  it.effect("A link works until its end.", () =>
    Effect.gen(function* () {
      const links = yield* AttachmentLinks
      const { expiresAt, url } = yield* links.make("id", "a.png")
      const query = new URL(url, "http://gateway").searchParams
      yield* TestClock.setTime(expiresAt - 1)
      expect(yield* links.isValid("id", query)).toBe(true)
      yield* TestClock.setTime(expiresAt)
      expect(yield* links.isValid("id", query)).toBe(false)
    }).pipe(Effect.provide(AttachmentLinks.layer.pipe(Layer.provide(GatewayConfig.layer({}))))),
  )

  it.live("The token opens files too. Nothing else does.", () =>
    Effect.gen(function* () {
      const { id } = yield* linked(upload("a.txt", "hello"))
      expect(yield* ask(`/attachments/${id}`)).toMatchObject({ status: 200, text: "hello" })
      expect((yield* ask(`/attachments/${id}`, { token: null })).status).toBe(401)
      expect((yield* ask(`/attachments/${"c".repeat(64)}`)).status).toBe(404)
      expect((yield* ask("/attachments/..%2Ftoken")).status).toBe(404)
    }).pipe(Effect.provide(withClient())),
  )

  it.effect("A link has the base path of the gateway.", () =>
    Effect.gen(function* () {
      const { url } = yield* (yield* AttachmentLinks).make("id")
      expect(url).toMatch(/^\/causeway\/attachments\/id\?name=file&expires=/)
    }).pipe(Effect.provide(AttachmentLinks.layer.pipe(Layer.provide(GatewayConfig.layer({ basePath: "/causeway" }))))),
  )

  it.live("A large file comes whole.", () =>
    Effect.gen(function* () {
      const { url } = yield* linked(upload("big.txt", "0123456789".repeat(250_000)))
      const { headers, text } = yield* byLink(url)
      expect(headers["content-length"]).toBe("2500000")
      expect(text).toHaveLength(2_500_000)
    }).pipe(Effect.provide(withClient())),
  )
})
