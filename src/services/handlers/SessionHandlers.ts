/**
 * The sessions' methods, by Sessions; what runs in a session is ended before the session is emptied or removed.
 */
import * as Effect from "effect/Effect"
import { SessionRpcs } from "../../domain/Session.ts"
import { Runs } from "../Runs.ts"
import { Sessions } from "../Sessions.ts"

const HISTORY = 50
const PREVIEW = 3

export const SessionHandlers = SessionRpcs.toLayer(
  Effect.gen(function* () {
    const sessions = yield* Sessions
    const runs = yield* Runs
    return SessionRpcs.of({
      "sessions.list": (query) => sessions.list(query),
      "sessions.get": ({ key }) => sessions.get(key),
      "sessions.resolve": (address) => sessions.resolve(address),
      "sessions.create": (session) => sessions.create(session),
      "sessions.patch": ({ key, ...changes }) => sessions.patch(key, changes),
      "sessions.reset": ({ key }) =>
        runs.abort(key).pipe(
          Effect.andThen(sessions.reset(key)),
          Effect.map((removedMessages) => ({ removedMessages })),
        ),
      "sessions.delete": ({ key }) =>
        runs.abort(key).pipe(
          Effect.andThen(sessions.remove(key)),
          Effect.map((removedMessages) => ({ removedMessages })),
        ),
      "sessions.history": ({ before, key, limit = HISTORY }) => sessions.history(key, { limit, before }),
      "sessions.preview": ({ keys, limit = PREVIEW }) =>
        Effect.map(sessions.preview(keys, limit), (previews) => ({ previews })),
    })
  }),
)
