/**
 * Resources: what a dashboard can ask for, each an inquiry into the contract, answered in Mission Control's shapes. The
 * same for requests, snapshots, lists that are told again, and HTTP routes. Pure; it knows no frame.
 */
import * as Effect from "effect/Effect"
import type { Document, DocumentContent } from "../../domain/Memory.ts"
import type { Session } from "../../domain/Session.ts"
import type { Fault } from "../dialect/Fault.ts"
import { newestMessages } from "../dialect/Queries.ts"
import { call, fail, type Query } from "../dialect/Query.ts"
import { defaultTemplate, fileOf, type MemoryFile } from "./Files.ts"
import { logRow, memoryRow, messageRow, type SessionRow, sessionRow } from "./Views.ts"

const PAGE = 200
const LOG_ENTRIES = 100
const MEMORIES = 10
/** Bytes of documents in one list. Older ones than fit are left out of it; each can be had by itself. */
const FILES_BYTES = 8_388_608

/** Set where not all is there. */
interface List {
  readonly truncated?: true
}

/**
 * All of them, newest first. Asked for from the least recently updated on: what changes meanwhile moves ahead of the
 * cursor, so that some are seen twice and none is missed.
 */
export const sessions = (): Query<{ readonly sessions: ReadonlyArray<SessionRow> }> => {
  const found = new Map<string, Session>()
  const page = (cursor: string | undefined): Query<void> =>
    Effect.flatMap(
      call("sessions.list", {
        sortBy: "updatedAt",
        order: "asc",
        limit: PAGE,
        ...(cursor !== undefined && { cursor }),
      }),
      ({ nextCursor, sessions }) => {
        for (const session of sessions) found.set(session.key, session)
        return nextCursor === null ? Effect.succeed(undefined) : page(nextCursor)
      },
    )
  return Effect.map(page(undefined), () => ({
    sessions: [...found.values()]
      .toSorted((a, b) => b.updatedAt - a.updatedAt || (a.key < b.key ? -1 : 1))
      .map(sessionRow),
  }))
}

/** The newest `limit` messages, oldest first. */
export const history = (sessionKey: string, limit: number) =>
  Effect.map(newestMessages(sessionKey, limit), (messages) => ({ sessionKey, messages: messages.map(messageRow) }))

export const logs = () =>
  Effect.map(call("logs.tail", { limit: LOG_ENTRIES }), ({ entries }) => ({ logs: entries.toReversed().map(logRow) }))

export const status = () =>
  Effect.flatMap(call("health", {}), ({ state, uptimeMs, version }) =>
    Effect.map(call("status", {}), ({ connections }) => ({
      status: state,
      uptime: Math.floor(uptimeMs / 1_000),
      connectedClients: connections,
      version,
    })),
  )

const unless =
  (...tags: ReadonlyArray<string>) =>
  (fault: Fault): Query<undefined> =>
    fault._tag === "Domain" && tags.includes(fault.error._tag) ? Effect.succeed(undefined) : fail(fault)

const read = (id: string, onFault: (fault: Fault) => Query<undefined>): Query<DocumentContent | undefined> =>
  Effect.matchEffect(call("memory.read", { id }), { onSuccess: (found) => Effect.succeed(found), onFailure: onFault })

/** To be told unasked, or among others: leaves out one that has gone meanwhile, is too large or cannot be read. */
export const document = (id: string) => read(id, unless("DocumentNotFound", "DocumentTooLarge", "MemoryUnavailable"))

/** As many of the newest as fit the budget, given newest first. */
export const fitting = (documents: ReadonlyArray<Document>, budget: number): ReadonlyArray<Document> => {
  let bytes = 0
  return documents.filter(({ size }) => {
    if (bytes + size > budget) return false
    bytes += size
    return true
  })
}

type Choose = (documents: ReadonlyArray<Document>) => ReadonlyArray<Document>

/** What `make` makes of each document that is chosen from the list, newest first. */
const eachDocument = <A>(choose: Choose, make: (document: DocumentContent) => A) =>
  Effect.flatMap(call("memory.list", {}), ({ documents }): Query<List & { readonly found: ReadonlyArray<A> }> => {
    const chosen = choose(documents)
    const found: Array<A> = []
    const from = (index: number): Query<void> => {
      const next = chosen[index]
      if (next === undefined) return Effect.succeed(undefined)
      return Effect.flatMap(document(next.id), (content) => {
        if (content !== undefined) found.push(make(content))
        return from(index + 1)
      })
    }
    return Effect.map(from(0), () => (chosen.length === documents.length ? { found } : { found, truncated: true }))
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

/** `file` is null where there is none. */
export const file = (date: string) =>
  Effect.map(read(date, unless("DocumentNotFound")), (found) => ({
    date,
    file: found === undefined ? null : fileOf(found),
  }))

export const writeFile = (date: string, content: string) =>
  Effect.map(call("memory.write", { id: date, content }), () => ({ date, success: true }))

export const createFile = (date: string, template: string) => {
  const content = template === "" ? defaultTemplate(date) : template
  return Effect.map(call("memory.write", { id: date, content, create: true }), () => ({ date, success: true }))
}
