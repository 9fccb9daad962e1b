/** The stores of Tx on SQLite: each step is synchronous and made of prepared statements. */
import type { DatabaseSync } from "node:sqlite"
import type { Stores } from "../Tx.ts"
import * as Schema from "effect/Schema"
import { Question } from "../../../domain/Question.ts"
import { QUESTIONS } from "../RequestStore.ts"
import { approvalSteps } from "./ApprovalSteps.ts"
import { attachmentSteps } from "./AttachmentSteps.ts"
import { messageSteps, sessionSteps } from "./ConversationSteps.ts"
import { deviceSteps } from "./DeviceSteps.ts"
import { messageRows } from "./MessageRows.ts"
import { agentSteps, bindingSteps, documentSteps } from "./RegistrySteps.ts"
import { requestSteps } from "./RequestSteps.ts"
import { sessionRows } from "./SessionRows.ts"
import { step } from "./Step.ts"
import { turnRows } from "./TurnRows.ts"
import { turnSteps } from "./TurnSteps.ts"

const decodeQuestion = Schema.decodeUnknownSync(Schema.fromJsonString(Question))

/** Prepares the statements. The database must be migrated. */
export const sqliteStores = (db: DatabaseSync): Stores => {
  const sessions = sessionRows(db)
  const turns = turnRows(db)
  const messages = messageRows(db)
  const probe = db.prepare("UPDATE agents SET updated_at = updated_at WHERE id = 'main'")
  return {
    turns: turnSteps(turns, sessions, messages),
    sessions: sessionSteps(turns, sessions, messages),
    messages: messageSteps(sessions, messages),
    agents: agentSteps(db),
    bindings: bindingSteps(db),
    devices: deviceSteps(db),
    documents: documentSteps(db),
    approvals: approvalSteps(db),
    attachments: attachmentSteps(db),
    questions: requestSteps(db, QUESTIONS, decodeQuestion),
    probe: step(() => {
      probe.run()
    }),
  }
}
