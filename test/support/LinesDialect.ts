/** A dialect for tests alone, `id method params` to a line: all that a new wire has to say for itself. */
import type { Dialect, Inbound } from "../../src/transport/dialect/Dialect.ts"

interface LineRef {
  readonly id: string
}

const said = (id: string, what: string, json: unknown = null) => `${id} ${what} ${JSON.stringify(json)}`

const unreadable: ReadonlyArray<Inbound<LineRef>> = [{ _tag: "Say", text: said("0", "Unreadable") }]

const read = (frame: string): ReadonlyArray<Inbound<LineRef>> => {
  const [, id = "", method = "", json = ""] = /^(\d+) (\S+) (.+)$/.exec(frame) ?? []
  try {
    const params: unknown = JSON.parse(json)
    if (method === "cancel") return [{ _tag: "Cancel", id }]
    if (method === "token") return [{ _tag: "Identify", ref: { id }, token: String(params) }]
    return [{ _tag: "Call", ref: { id }, method, params }]
  } catch {
    return unreadable
  }
}

export const lines: Dialect<LineRef> = {
  name: "lines",
  converse: () => ({
    greet: () => [],
    read,
    unreadable: () => unreadable,
    authenticated: ({ id }, principal) => [{ _tag: "Say", text: said(id, "ok", principal) }],
    success: ({ id }, _, value) => said(id, "ok", value),
    failure: ({ id }, _, fault) => said(fault._tag === "DuplicateId" ? "0" : id, fault._tag, fault),
    item: ({ id }, _, value) => said(id, "item", value),
  }),
  event: (_, _item, json) => ({ policy: "must", text: `0 event ${json()}` }),
}
