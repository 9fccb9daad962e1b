/**
 * SessionHandlers: implements the methods `sessions.*` on the service Sessions. `sessions.reset` and `sessions.delete` also
 * end the open runs of the session.
 */
import * as Effect from "effect/Effect"
import { DEFAULT_ROWS } from "../../domain/Bounds.ts"
import { SessionRpcs } from "../../domain/Session.ts"
import { Runs } from "../runs/Runs.ts"
import { SessionCompaction } from "../runs/SessionCompaction.ts"
import { Sessions } from "../sessions/Sessions.ts"

const DEFAULT_PREVIEW = 3

export const SessionHandlers = SessionRpcs.toLayer(
  Effect.gen(function* () {
    const sessions = yield* Sessions
    const runs = yield* Runs
    const { compact } = yield* SessionCompaction
    const emptying = <E>(key: string, change: Effect.Effect<number, E>) =>
      Effect.map(runs.stopAfter(key, change), (removedMessages) => ({ removedMessages }))
    return SessionRpcs.of({
      "sessions.list": (query) => sessions.list(query),
      "sessions.get": ({ key }) => sessions.get(key),
      "sessions.resolve": (address) => sessions.resolve(address),
      "sessions.create": (session) => sessions.create(session),
      "sessions.patch": ({ expected, key, ...changes }) => sessions.patch(key, changes, expected),
      "sessions.reset": ({ expected, key }) => emptying(key, sessions.reset(key, expected)),
      "sessions.delete": ({ expected, key }) => emptying(key, sessions.remove(key, expected)),
      "sessions.compact": ({ key }) => Effect.map(compact(key), (summary) => ({ summary })),
      "sessions.history": ({ before, key, limit = DEFAULT_ROWS }) => sessions.history(key, { limit, before }),
      "sessions.preview": ({ keys, limit = DEFAULT_PREVIEW }) =>
        Effect.map(sessions.preview(keys, limit), (previews) => ({ previews })),
    })
  }),
)
