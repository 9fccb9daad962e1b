/**
 * Methods: what can be called in Mission Control's language, by the names of its resources and messages.
 */
import * as Schema from "effect/Schema"
import { Id } from "../../domain/Bounds.ts"
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
    own(Schema.Struct({ date: DocumentId, content: Schema.String }), ({ content, date }) =>
      Resources.writeFile(date, content),
    ),
  ],
  [
    "create_file",
    own(Schema.Struct({ date: DocumentId, template: Schema.String }), ({ date, template }) =>
      Resources.createFile(date, template),
    ),
  ],
])
