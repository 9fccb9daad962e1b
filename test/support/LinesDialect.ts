/** A dialect for tests, with `id method params` on each line. It shows everything that a new dialect needs. */
import * as Effect from "effect/Effect"
import type { Dialect, Inbound } from "../../src/transport/dialect/Dialect.ts"

interface LineRef {
  readonly id: string
}

const said = (id: string, what: string, json: unknown = null) => `${id} ${what} ${JSON.stringify(json)}`

const unreadable: ReadonlyArray<Inbound<LineRef, string>> = [{ _tag: "Send", text: said("0", "Unreadable") }]

const read = (frame: string): ReadonlyArray<Inbound<LineRef, string>> => {
  const [, id = "", method = "", json = ""] = /^(\d+) (\S+) (.+)$/.exec(frame) ?? []
  try {
    const params: unknown = JSON.parse(json)
    if (method === "cancel") return [{ _tag: "Cancel", id }]
    if (method === "token") return [{ _tag: "Authenticate", ref: { id }, token: String(params) }]
    return [{ _tag: "Call", ref: { id }, method, params }]
  } catch {
    return unreadable
  }
}

export const lines: Dialect<LineRef, string> = {
  name: "lines",
  converse: () => ({
    greet: () => [],
    read,
    unreadable: () => unreadable,
    authenticated: ({ id }, principal) => [{ _tag: "Send", text: said(id, "ok", principal) }],
    success: ({ id }, _, value) => said(id, "ok", value),
    failure: ({ id }, _, fault) => said(fault._tag === "DuplicateId" ? "0" : id, fault._tag, fault),
    item: ({ id }, _, value) => said(id, "item", value),
  }),
  viewKey: (subscription) => subscription,
  subscriptionView: (subscription) => subscription,
  event: (_, _item, json) => Effect.succeed([{ policy: "must", text: `0 event ${json()}` }]),
}
