/**
 * Methods: the methods of the Mission Control dialect, by the names of its resources and messages. MissionControl.ts
 * uses the table.
 */
import * as Schema from "effect/Schema"
import { DOCUMENT_CHARS, Id, text } from "../../domain/Bounds.ts"
import { DocumentId } from "../../domain/Memory.ts"
import { contractMethods, type Method, dialectMethod } from "../dialect/DialectMethod.ts"
import * as Resources from "./Resources.ts"

const NoParams = Schema.Struct({})
const OnDate = Schema.Struct({ date: DocumentId })

export const methods: ReadonlyMap<string, Method> = new Map([
  ["ping", contractMethods.get("ping")!],
  ["sessions", dialectMethod(NoParams, Resources.sessions)],
  [
    "session_history",
    dialectMethod(Schema.Struct({ sessionKey: Id, limit: Schema.Int }), ({ limit, sessionKey }) =>
      Resources.history(sessionKey, limit),
    ),
  ],
  ["memory", dialectMethod(NoParams, Resources.memory)],
  ["logs", dialectMethod(NoParams, Resources.logs)],
  ["status", dialectMethod(NoParams, Resources.status)],
  ["files", dialectMethod(NoParams, Resources.files)],
  ["tasks", dialectMethod(NoParams, Resources.tasks)],
  ["memories", dialectMethod(NoParams, Resources.memories)],
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
