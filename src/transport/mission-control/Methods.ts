/**
 * Methods: what can be called in Mission Control's language, by the names of its resources and messages.
 */
import * as Schema from "effect/Schema"
import { DOCUMENT_CHARS, Id, text } from "../../domain/Bounds.ts"
import { DocumentId } from "../../domain/Memory.ts"
import { type Method, own } from "../DialectMethods.ts"
import { ask, known } from "../Inquiry.ts"
import * as Resources from "./Resources.ts"

const Nothing = Schema.Struct({})
const OnDate = Schema.Struct({ date: DocumentId })

export const methods: ReadonlyMap<string, Method> = new Map([
  ["ping", own(Nothing, () => ask("ping", {}, ({ at }) => known({ timestamp: at })))],
  ["sessions", own(Nothing, Resources.sessions)],
  [
    "session_history",
    own(Schema.Struct({ sessionKey: Id, limit: Schema.Int }), ({ limit, sessionKey }) =>
      Resources.history(sessionKey, limit),
    ),
  ],
  ["memory", own(Nothing, Resources.memory)],
  ["logs", own(Nothing, Resources.logs)],
  ["status", own(Nothing, Resources.status)],
  ["files", own(Nothing, Resources.files)],
  ["tasks", own(Nothing, Resources.tasks)],
  ["memories", own(Nothing, Resources.memories)],
  ["file", own(OnDate, ({ date }) => Resources.file(date))],
  [
    "write_file",
    own(Schema.Struct({ date: DocumentId, content: text(DOCUMENT_CHARS) }), ({ content, date }) =>
      Resources.writeFile(date, content),
    ),
  ],
  [
    "create_file",
    own(Schema.Struct({ date: DocumentId, template: text(DOCUMENT_CHARS) }), ({ date, template }) =>
      Resources.createFile(date, template),
    ),
  ],
])
