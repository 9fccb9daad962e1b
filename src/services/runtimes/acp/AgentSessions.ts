/**
 * AgentSessions: the processes of one agent, one for each session of the gateway in use, so that a crash or a hang costs one
 * session only. Their number is bounded, and a process without a run ends after a while. AcpRuntimes takes them from here.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { RuntimeFailed } from "../../../domain/Run.ts"
import type { AgentSession } from "./AgentSession.ts"

interface Entry {
  readonly session: AgentSession
  readonly scope: Scope.Closeable
  /** Ends the process when it has been idle for long enough. `undefined` during a run. */
  idle: Fiber.Fiber<void> | undefined
}

export interface AgentSessions {
  /** Returns the process of the session until the scope closes. Starts it, or waits while all processes have runs. */
  take(sessionKey: string): Effect.Effect<AgentSession, RuntimeFailed, Scope.Scope>
  /** Ends the process of a session as soon as it has no run. */
  end(sessionKey: string): Effect.Effect<void>
}

/** Makes the pool. `open` starts a process in its scope. The end of the scope ends all processes. */
export const make = Effect.fnUntraced(function* (
  { idleMs, processes }: { readonly processes: number; readonly idleMs: number },
  open: Effect.Effect<AgentSession, RuntimeFailed, Scope.Scope>,
): Effect.fn.Return<AgentSessions, never, Scope.Scope> {
  /** The longest unused first. */
  const entries = new Map<string, Entry>()
  const runs = yield* Semaphore.make(processes)
  const scope = yield* Effect.scope

  const close = (entry: Entry) => Scope.close(entry.scope, Exit.void)

  const remove = (sessionKey: string, entry: Entry) =>
    Effect.suspend(() => {
      if (entries.get(sessionKey) === entry) entries.delete(sessionKey)
      entry.idle = undefined
      return close(entry)
    })

  yield* Effect.addFinalizer(() => Effect.forEach([...entries.values()], close, { concurrency: "unbounded" }))

  /** Ends the process that is idle for the longest time if there are too many. One is idle, because runs are bounded too. */
  const makeRoom = Effect.suspend(() => {
    if (entries.size < processes) return Effect.void
    const idle = [...entries].find(([, entry]) => entry.idle !== undefined)
    return idle === undefined ? Effect.void : remove(...idle)
  })

  const start = Effect.fnUntraced(function* (sessionKey: string) {
    yield* makeRoom
    const scope = yield* Scope.make()
    const session = yield* Effect.onError(Scope.provide(open, scope), () => Scope.close(scope, Exit.void))
    const entry: Entry = { session, scope, idle: undefined }
    entries.set(sessionKey, entry)
    return entry
  })

  /** Takes the idle process of the session out of its timer. Ends it if it is no longer of use. */
  const reuse = (sessionKey: string) =>
    Effect.suspend(() => {
      const entry = entries.get(sessionKey)
      if (entry?.idle === undefined) return Effect.undefined
      if (!entry.session.isUsable()) return Effect.as(remove(sessionKey, entry), undefined)
      entry.idle.interruptUnsafe()
      entry.idle = undefined
      return Effect.succeed(entry)
    })

  const waitAndRemove = (sessionKey: string, entry: Entry) =>
    Effect.andThen(
      Effect.sleep(idleMs),
      Effect.suspend(() => (entry.idle === undefined ? Effect.void : remove(sessionKey, entry))),
    )

  /** Keeps the process for the next run, or ends it if nobody can use it. The run does not wait for its end. */
  const release = (sessionKey: string, entry: Entry) =>
    Effect.suspend(() => {
      if (entries.get(sessionKey) !== entry || !entry.session.isUsable()) {
        return Effect.asVoid(Effect.forkIn(remove(sessionKey, entry), scope))
      }
      entries.delete(sessionKey)
      entries.set(sessionKey, entry)
      return Effect.map(Effect.forkIn(waitAndRemove(sessionKey, entry), scope), (fiber) => {
        entry.idle = fiber
      })
    })

  return {
    take: Effect.fnUntraced(function* (sessionKey) {
      yield* Semaphore.takeScoped(runs, 1)
      const entry = yield* Effect.acquireRelease(
        Effect.interruptible(
          Effect.flatMap(reuse(sessionKey), (entry) => (entry ? Effect.succeed(entry) : start(sessionKey))),
        ),
        (entry) => release(sessionKey, entry),
      )
      return entry.session
    }),
    end: (sessionKey) =>
      Effect.suspend(() => {
        const entry = entries.get(sessionKey)
        if (entry === undefined) return Effect.void
        if (entry.idle !== undefined) return remove(sessionKey, entry)
        // Its release ends it.
        entries.delete(sessionKey)
        return Effect.void
      }),
  }
})
