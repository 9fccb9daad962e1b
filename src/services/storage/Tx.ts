/**
 * Tx: the stores of the open transaction. It exists in a work that `Events.commit` runs and in `Events.read`, so a write
 * outside a commit does not compile. storage/sqlite and storage/postgres implement the stores. Every service that stores
 * state uses it.
 *
 * A store method is one step of the domain and one round trip. It answers with the rows as they are after the write.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { KeptEvent } from "../../domain/Event.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import type { ApprovalStore } from "./ApprovalStore.ts"
import type { AttachmentStore } from "./AttachmentStore.ts"
import type { MessageStore } from "./MessageStore.ts"
import type { Question } from "../../domain/Question.ts"
import type { RequestStore } from "./RequestStore.ts"
import type { AgentStore, BindingStore, DeviceStore, DocumentStore } from "./RegistryStores.ts"
import type { SessionStore } from "./SessionStore.ts"
import type { Stored } from "./Stored.ts"
import type { TurnStore } from "./TurnStore.ts"

export interface Stores {
  readonly turns: TurnStore
  readonly sessions: SessionStore
  readonly messages: MessageStore
  readonly agents: AgentStore
  readonly bindings: BindingStore
  readonly devices: DeviceStore
  readonly documents: DocumentStore
  readonly approvals: ApprovalStore
  readonly attachments: AttachmentStore
  readonly questions: RequestStore<Question>
  /** Writes to the disk without a change, to find out whether storage works. */
  readonly probe: Stored<void>
}

export class Tx extends Context.Service<Tx, Stores>()("causeway/services/storage/Tx") {}

/** The answer of a work and the events that describe its change. Without events, nothing has changed. */
export type Change<A> = readonly [answer: A, events: ReadonlyArray<KeptEvent>]

/**
 * A state change that joins a transaction. It acts through `Tx` only, because it may run twice: a neighbour in its group
 * may fail, or the connection may break. It dies if it waits for anything but the database. If it fails or dies, its own
 * writes are undone. A failure before the first write costs its neighbours nothing.
 */
export type Work<A, E = never> = Effect.Effect<Change<A>, E | StorageUnavailable, Tx>
