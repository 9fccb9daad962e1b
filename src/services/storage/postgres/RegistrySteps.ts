/** The stores of agents, bindings and documents on PostgreSQL. PostgresStores makes them. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Agent, MAIN_AGENT } from "../../../domain/Agent.ts"
import { Binding } from "../../../domain/Binding.ts"
import { Document } from "../../../domain/Memory.ts"
import { agentOptions } from "../Columns.ts"
import type { AgentStore, BindingKey, BindingStore, DocumentStore } from "../RegistryStores.ts"
import { integers, type Row, texts } from "./PostgresConnection.ts"
import type { Statements } from "./Statements.ts"

const AGENT = `id, name, personality, model, runtime, dm_scope AS "dmScope", options, created_at AS "createdAt",
  updated_at AS "updatedAt"`

const decodeAgent = Schema.decodeUnknownSync(Agent)

/** The column `options` holds the settings that an agent need not have, as JSON. */
const toAgent = ({ options, ...row }: Row): Agent => decodeAgent({ ...row, ...JSON.parse(String(options)) })

const BINDING = `agent_id AS "agentId", tier, match_key AS "matchKey", match_value AS "matchValue", priority`

const toBindings = Schema.decodeUnknownSync(Schema.Array(Binding))

const keyParams = ({ agentId, matchKey, matchValue }: BindingKey) => [agentId, matchKey, matchValue]

const IS_KEY = "agent_id = $1 AND match_key = $2 AND match_value = $3"

const toDocuments = Schema.decodeUnknownSync(Schema.Array(Document))

export const agentSteps = ({ read, write }: Statements): AgentStore => ({
  all: Effect.map(read(`SELECT ${AGENT} FROM agents ORDER BY id <> $1, pos`, [MAIN_AGENT]), (rows) =>
    rows.map(toAgent),
  ),
  get: (id) =>
    Effect.map(read(`SELECT ${AGENT} FROM agents WHERE id = $1`, [id]), ([row]) =>
      row === undefined ? undefined : toAgent(row),
    ),
  countOthers: Effect.map(read("SELECT count(*) AS n FROM agents WHERE id <> $1", [MAIN_AGENT]), ([row]) =>
    Number(row?.["n"]),
  ),
  put: (agent) =>
    Effect.asVoid(
      write(
        `INSERT INTO agents (id, name, personality, model, runtime, dm_scope, options, created_at, updated_at)
          VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
          ON CONFLICT (id) DO UPDATE SET name = excluded.name, personality = excluded.personality, model = excluded.model,
            runtime = excluded.runtime, dm_scope = excluded.dm_scope, options = excluded.options,
            updated_at = excluded.updated_at`,
        [
          agent.id,
          agent.name,
          agent.personality,
          agent.model,
          agent.runtime,
          agent.dmScope,
          agentOptions(agent),
          agent.createdAt,
          agent.updatedAt,
        ],
      ),
    ),
  remove: (id) =>
    Effect.map(
      write(
        `WITH a AS (DELETE FROM agents WHERE id = $1 RETURNING id),
          b AS (DELETE FROM bindings USING a WHERE agent_id = a.id RETURNING bindings.*)
          SELECT ${BINDING} FROM a LEFT JOIN b ON true ORDER BY b.pos`,
        [id],
      ),
      (rows) => (rows.length === 0 ? undefined : toBindings(rows.filter((row) => row["agentId"] !== null))),
    ),
})

export const bindingSteps = ({ read, write }: Statements): BindingStore => ({
  all: Effect.map(read(`SELECT ${BINDING} FROM bindings ORDER BY pos`), (rows) => toBindings(rows)),
  get: (key) =>
    Effect.map(read(`SELECT ${BINDING} FROM bindings WHERE ${IS_KEY}`, keyParams(key)), (rows) => toBindings(rows)[0]),
  count: Effect.map(read("SELECT count(*) AS n FROM bindings"), ([row]) => Number(row?.["n"])),
  put: (binding) =>
    Effect.map(
      write(
        `INSERT INTO bindings (agent_id, match_key, match_value, tier, priority) VALUES ($1, $2, $3, $4, $5)
          ON CONFLICT (agent_id, match_key, match_value) DO UPDATE SET priority = excluded.priority
          WHERE bindings.priority <> excluded.priority RETURNING 1`,
        [...keyParams(binding), binding.tier, binding.priority],
      ),
      (rows) => rows.length > 0,
    ),
  remove: (key) =>
    Effect.map(
      write(`DELETE FROM bindings WHERE ${IS_KEY} RETURNING ${BINDING}`, keyParams(key)),
      (rows) => toBindings(rows)[0],
    ),
})

export const documentSteps = ({ read, write }: Statements): DocumentStore => ({
  all: Effect.map(read(`SELECT id, size, modified_at AS "modifiedAt" FROM documents`), (rows) => toDocuments(rows)),
  put: (documents) =>
    Effect.asVoid(
      write(
        `INSERT INTO documents (id, size, modified_at) SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[])
          ON CONFLICT (id) DO UPDATE SET size = excluded.size, modified_at = excluded.modified_at`,
        [
          texts(documents.map(({ id }) => id)),
          integers(documents.map(({ size }) => size)),
          integers(documents.map(({ modifiedAt }) => modifiedAt)),
        ],
      ),
    ),
  remove: (ids) => Effect.asVoid(write("DELETE FROM documents WHERE id = ANY($1::text[])", [texts(ids)])),
})
