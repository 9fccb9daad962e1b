/** Malformed requests to `GET /events`. Each gets the listed status as a problem, and subscribes to nothing. */
import { expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Connections } from "../../../src/services/connections/Connections.ts"
import { ask, raw, type Sent } from "../../support/HttpRequests.ts"
import * as TestGateway from "../../support/TestGateway.ts"

type Row = readonly [name: string, path: string, sent: Sent, status: number]

const query = (name: string, text: string, sent: Sent = {}, status = 400): Row => [
  name,
  `/events?${text}`,
  sent,
  status,
]

const header = (name: string, id: string): Row => [name, "/events", { headers: { "last-event-id": id } }, 400]

const rows: ReadonlyArray<Row> = [
  query("an unknown topic", "topics=weather"),
  query("an unknown topic among known ones", "topics=chat,weather"),
  query("an empty topic", "topics="),
  query("an empty topic between commas", "topics=chat,,memory"),
  query("a topic with a blank", "topics=chat,%20memory"),
  query("a topic in capitals", "topics=CHAT"),
  query("an inherited member as a topic", "topics=constructor"),
  query("too many topics", `topics=${Array.from({ length: 300 }, () => "chat").join(",")}`),
  query("too many repeated topics", Array.from({ length: 300 }, () => "topics=chat").join("&")),
  query("a topic with a zero byte", "topics=chat%00"),
  query("an empty session", "session="),
  query("a session with a control character", "session=a%0Ab"),
  query("a session that is too long", `session=${"x".repeat(2_049)}`),
  query("a position without a colon", "after=12"),
  query("a position without a number", "after=epoch:"),
  query("a position without an epoch", "after=:12"),
  query("a negative position", "after=epoch:-1"),
  query("a fraction as a position", "after=epoch:1.5"),
  query("an exponent as a position", "after=epoch:1e3"),
  query("a hexadecimal position", "after=epoch:0x1"),
  query("a position with blanks", "after=epoch:%201"),
  query("a position with text behind it", "after=epoch:1x"),
  query("a position that no number holds", "after=epoch:99999999999999999999"),
  query("a position in other digits", "after=epoch:%D9%A1"),
  query("an epoch that is too long", `after=${"x".repeat(257)}:1`),
  query("a position of NaN", "after=epoch:NaN"),
  header("a Last-Event-ID without a colon", "12"),
  header("a Last-Event-ID of another server", "evt_123"),
  header("a Last-Event-ID with two numbers", "epoch:1,epoch:2"),
  header("a long Last-Event-ID", `${"x".repeat(5_000)}:1`),
  ["an unacceptable type", "/events", { headers: { accept: "application/json" } }, 406],
  ["an unacceptable quality", "/events", { headers: { accept: "text/event-stream;q=0" } }, 406],
  ["POST", "/events", { body: "{}" }, 405],
  ["PUT", "/events", { method: "PUT", body: "{}" }, 405],
  ["DELETE", "/events", { method: "DELETE" }, 405],
  ["a path below it", "/events/chat", {}, 404],
  ["no token", "/events", { token: null }, 401],
  ["a wrong token", "/events", { token: "wrong" }, 401],
  ["a wrong token in the query", "/events?token=wrong", { token: null }, 401],
  ["an empty token in the query", "/events?token=", { token: null }, 401],
  ["a token under another name", `/events?access_token=${TestGateway.TOKEN}`, { token: null }, 401],
  ["a page of another site", "/events", { headers: { origin: "https://evil.example" } }, 403],
]

const gateway = TestGateway.layer({ limits: { authFailures: 100, authFailureDelayMs: 0 } })

layer(gateway, { excludeTestServices: true })("Sse, malformed requests", (it) => {
  for (const [name, path, sent, status] of rows) {
    it.effect(`A request with ${name} gets ${status}.`, () =>
      Effect.gen(function* () {
        const answer = yield* ask(path, sent)
        expect(answer.status).toBe(status)
        if (status !== 403) expect(answer.json).toMatchObject({ type: "about:blank", status })
        expect(answer.text).not.toContain(TestGateway.TOKEN)
        expect((yield* Connections).size()).toBe(0)
      }),
    )
  }

  it.effect("HEAD gets the headers of the stream and leaves no subscription.", () =>
    Effect.gen(function* () {
      const bytes = `HEAD /events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${TestGateway.TOKEN}\r\n\r\n`
      const { text } = yield* raw(bytes)
      expect(text).toContain("200 OK")
      expect(text.toLowerCase()).toContain("content-type: text/event-stream")
      expect((yield* Connections).size()).toBe(0)
    }),
  )
})
