/**
 * Resources: the queries behind the resources of Mission Control, in its shapes. Methods.ts uses them for requests and
 * snapshots, Events.ts for lists that change, and Routes.ts for HTTP.
 */
import * as Effect from "effect/Effect"
import type { Document, DocumentContent } from "../../domain/Memory.ts"
import { findSessions, newestMessages } from "../dialect/Queries.ts"
import { call, type Query } from "../dialect/Query.ts"
import { defaultTemplate, fileOf, type MemoryFile } from "./Files.ts"
import { logRow, memoryRow, messageRow, type SessionRow, sessionRow } from "./Views.ts"

const LOG_ENTRIES = 100
const MEMORIES = 10
/** The limit of bytes of documents in one list, which omits older documents. Clients can read each by itself. */
const FILES_BYTES = 8_388_608

/** `truncated` is set if the list omits documents. */
interface List {
  readonly truncated?: true
}

/**
 * Returns all sessions, newest first. The query starts with the least recently updated one: a session that changes in
 * the meantime moves ahead of the cursor, so that a page may repeat it and none misses it.
 */
export const sessions = (): Query<{ readonly sessions: ReadonlyArray<SessionRow> }> =>
  Effect.map(findSessions({ sortBy: "updatedAt", order: "asc" }), ({ sessions }) => {
    const byKey = new Map(sessions.map((session) => [session.key, session]))
    const newestFirst = [...byKey.values()].toSorted((a, b) => b.updatedAt - a.updatedAt || (a.key < b.key ? -1 : 1))
    return { sessions: newestFirst.map(sessionRow) }
  })

/** Returns the newest `limit` messages of a session, oldest first. */
export const history = (sessionKey: string, limit: number) =>
  Effect.map(newestMessages(sessionKey, limit), (messages) => ({ sessionKey, messages: messages.map(messageRow) }))

/** Returns the newest log entries, newest first. */
export const logs = () =>
  Effect.map(call("logs.tail", { limit: LOG_ENTRIES }), ({ entries }) => ({ logs: entries.toReversed().map(logRow) }))

export const status = () =>
  Effect.gen(function* () {
    const { state, uptimeMs, version } = yield* call("health", {})
    const { connections } = yield* call("status", {})
    return { status: state, uptime: Math.floor(uptimeMs / 1_000), connectedClients: connections, version }
  })

/** Reads a document. Returns `undefined` if the call fails with an error of one of the tags. */
const readUnless = (id: string, ...tags: ReadonlyArray<string>): Query<DocumentContent | undefined> =>
  Effect.catchIf(
    call("memory.read", { id }),
    (fault) => fault._tag === "Domain" && tags.includes(fault.error._tag),
    () => Effect.undefined,
  )

/** Returns a document for a list or an event, or `undefined` if it no longer exists, is too large or cannot be read. */
export const document = (id: string) => readUnless(id, "DocumentNotFound", "DocumentTooLarge", "MemoryUnavailable")

/** Returns the documents that fit the budget in bytes. Of the given documents, earlier ones have precedence. */
export const fitting = (documents: ReadonlyArray<Document>, budget: number): ReadonlyArray<Document> => {
  let bytes = 0
  return documents.filter(({ size }) => {
    if (bytes + size > budget) return false
    bytes += size
    return true
  })
}

type Choose = (documents: ReadonlyArray<Document>) => ReadonlyArray<Document>

/** Reads the chosen documents of the list, newest first, and converts each. It skips documents that it cannot read. */
const eachDocument = <A>(
  choose: Choose,
  convert: (document: DocumentContent) => A,
): Query<List & { readonly found: ReadonlyArray<A> }> =>
  Effect.gen(function* () {
    const { documents } = yield* call("memory.list", {})
    const chosen = choose(documents)
    const found: Array<A> = []
    for (const { id } of chosen) {
      const content = yield* document(id)
      if (content !== undefined) found.push(convert(content))
    }
    return chosen.length === documents.length ? { found } : { found, truncated: true }
  })

export const memory = () =>
  Effect.map(
    eachDocument((documents) => documents.slice(0, MEMORIES), memoryRow),
    ({ found }) => ({ memories: found }),
  )

const allFiles = (): Query<List & { readonly found: ReadonlyArray<MemoryFile> }> =>
  eachDocument((documents) => fitting(documents, FILES_BYTES), fileOf)

export const files = () => Effect.map(allFiles(), ({ found, ...list }) => ({ files: found, ...list }))

export const tasks = () =>
  Effect.map(allFiles(), ({ found, ...list }) => ({ tasks: found.flatMap(({ tasks }) => tasks), ...list }))

export const memories = () =>
  Effect.map(allFiles(), ({ found, ...list }) => ({ memories: found.flatMap(({ memories }) => memories), ...list }))

/** Returns one file. `file` is null if it does not exist. */
export const file = (date: string) =>
  Effect.map(readUnless(date, "DocumentNotFound"), (found) => ({
    date,
    file: found === undefined ? null : fileOf(found),
  }))

export const writeFile = (date: string, content: string) =>
  Effect.map(call("memory.write", { id: date, content }), () => ({ date, success: true }))

export const createFile = (date: string, template: string) => {
  const content = template === "" ? defaultTemplate(date) : template
  return Effect.map(call("memory.write", { id: date, content, create: true }), () => ({ date, success: true }))
}
