/**
 * Methods: what can be called in Mission Control's language, by the names of its resources and messages.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { DOCUMENT_CHARS, Id, text } from "../../domain/Bounds.ts"
import { DocumentId } from "../../domain/Memory.ts"
import { type Method, dialectMethod } from "../dialect/DialectMethod.ts"
import { call } from "../dialect/Query.ts"
import * as Resources from "./Resources.ts"

const Nothing = Schema.Struct({})
const OnDate = Schema.Struct({ date: DocumentId })

export const methods: ReadonlyMap<string, Method> = new Map([
  ["ping", dialectMethod(Nothing, () => Effect.map(call("ping", {}), ({ at }) => ({ timestamp: at })))],
  ["sessions", dialectMethod(Nothing, Resources.sessions)],
  [
    "session_history",
    dialectMethod(Schema.Struct({ sessionKey: Id, limit: Schema.Int }), ({ limit, sessionKey }) =>
      Resources.history(sessionKey, limit),
    ),
  ],
  ["memory", dialectMethod(Nothing, Resources.memory)],
  ["logs", dialectMethod(Nothing, Resources.logs)],
  ["status", dialectMethod(Nothing, Resources.status)],
  ["files", dialectMethod(Nothing, Resources.files)],
  ["tasks", dialectMethod(Nothing, Resources.tasks)],
  ["memories", dialectMethod(Nothing, Resources.memories)],
  ["file", dialectMethod(OnDate, ({ date }) => Resources.file(date))],
  [
    "write_file",
    dialectMethod(Schema.Struct({ date: DocumentId, content: text(DOCUMENT_CHARS) }), ({ content, date }) =>
      Resources.writeFile(date, content),
    ),
  ],
  [
    "create_file",
    dialectMethod(Schema.Struct({ date: DocumentId, template: text(DOCUMENT_CHARS) }), ({ date, template }) =>
      Resources.createFile(date, template),
    ),
  ],
])
