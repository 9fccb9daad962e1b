/**
 * AgentSessionStore: remembers which session of an agent belongs to which session of the gateway, in a small file per agent.
 * So a new process continues the conversation. A lost file costs no messages: the agent then gets the history again.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Semaphore from "effect/Semaphore"
import { readFile } from "node:fs/promises"
import * as AtomicFile from "../../storage/AtomicFile.ts"

const AgentSessionRecord = Schema.Struct({
  /** The agent's id of its session. */
  id: Schema.String,
  /** The last run that the session answered. */
  lastRunId: Schema.String,
  /** The digest of the instruction that the session got. Empty: none. */
  instruction: Schema.String,
})
export type AgentSessionRecord = typeof AgentSessionRecord.Type

const StoredFile = Schema.fromJsonString(Schema.Struct({ sessions: Schema.Record(Schema.String, AgentSessionRecord) }))

/** The sessions in the file. The longest unused ones are forgotten first. */
const MAX_SESSIONS = 1_000

export interface AgentSessionStore {
  /** Returns `undefined` if the session of the gateway has no session of the agent. */
  get(sessionKey: string): Effect.Effect<AgentSessionRecord | undefined>
  set(sessionKey: string, record: AgentSessionRecord): Effect.Effect<void>
  remove(sessionKey: string): Effect.Effect<void>
}

/** Makes the store of a file, which it reads with the first use. Its folder must exist. */
export const make = Effect.fnUntraced(function* (file: string): Effect.fn.Return<AgentSessionStore> {
  const lock = yield* Semaphore.make(1)

  /** In the order of their last use. */
  const loaded = yield* Effect.cached(
    Effect.tryPromise(() => readFile(file, "utf8")).pipe(
      Effect.orElseSucceed(() => '{"sessions":{}}'),
      Effect.flatMap(Schema.decodeUnknownEffect(StoredFile)),
      Effect.catch((problem) =>
        Effect.as(Effect.logWarning(`${file} is unreadable. Its agent starts new sessions.`, problem.message), {
          sessions: {},
        }),
      ),
      Effect.map(({ sessions }) => new Map<string, AgentSessionRecord>(Object.entries(sessions))),
    ),
  )

  const write = (sessions: ReadonlyMap<string, AgentSessionRecord>) =>
    Effect.catch(
      AtomicFile.writeFile(file, `${JSON.stringify({ sessions: Object.fromEntries(sessions) })}\n`),
      (error) =>
        Effect.logWarning(`Cannot write ${file}. After a restart its agent starts new sessions.`, error.message),
    )

  const change = (apply: (sessions: Map<string, AgentSessionRecord>) => boolean) =>
    lock.withPermit(Effect.flatMap(loaded, (sessions) => (apply(sessions) ? write(sessions) : Effect.void)))

  return {
    get: (sessionKey) => Effect.map(loaded, (sessions) => sessions.get(sessionKey)),
    set: (sessionKey, record) =>
      change((sessions) => {
        sessions.delete(sessionKey)
        sessions.set(sessionKey, record)
        const [oldest] = sessions.keys()
        if (sessions.size > MAX_SESSIONS && oldest !== undefined) sessions.delete(oldest)
        return true
      }),
    remove: (sessionKey) => change((sessions) => sessions.delete(sessionKey)),
  }
})
