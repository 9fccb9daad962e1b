/** PostgresStores: the stores of Tx over one connection. PostgresStorage makes them for commits and for reads. */
import type { Stores } from "../Tx.ts"
import * as Schema from "effect/Schema"
import { Question } from "../../../domain/Question.ts"
import { QUESTIONS } from "../RequestStore.ts"
import { approvalSteps } from "./ApprovalSteps.ts"
import { attachmentSteps } from "./AttachmentSteps.ts"
import { deviceSteps } from "./DeviceSteps.ts"
import { messageSteps } from "./MessageSteps.ts"
import type { PostgresConnection } from "./PostgresConnection.ts"
import { agentSteps, bindingSteps, documentSteps } from "./RegistrySteps.ts"
import { requestSteps } from "./RequestSteps.ts"
import { sessionSteps } from "./SessionSteps.ts"
import { statementsOf } from "./Statements.ts"
import { turnSteps } from "./TurnSteps.ts"

const decodeQuestion = Schema.decodeUnknownSync(Schema.fromJsonString(Question))

export const postgresStores = (connection: PostgresConnection): Stores => {
  const statements = statementsOf(connection)
  return {
    turns: turnSteps(statements),
    sessions: sessionSteps(statements),
    messages: messageSteps(statements),
    agents: agentSteps(statements),
    bindings: bindingSteps(statements),
    devices: deviceSteps(statements),
    documents: documentSteps(statements),
    approvals: approvalSteps(statements),
    attachments: attachmentSteps(statements),
    questions: requestSteps(statements, QUESTIONS, decodeQuestion),
    // A group that has written leaves a mark on the disk.
    probe: statements.mark,
  }
}
