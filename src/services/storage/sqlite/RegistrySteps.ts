/** The stores of agents, bindings and documents on SQLite. SqliteStores makes them. */
import * as Schema from "effect/Schema"
import type { DatabaseSync, SQLOutputValue } from "node:sqlite"
import { Agent, MAIN_AGENT } from "../../../domain/Agent.ts"
import { Binding } from "../../../domain/Binding.ts"
import { Document } from "../../../domain/Memory.ts"
import { agentOptions } from "../Columns.ts"
import type { AgentStore, BindingKey, BindingStore, DocumentStore } from "../RegistryStores.ts"
import { step } from "./Step.ts"

const decodeAgent = Schema.decodeUnknownSync(Agent)
const decodeBindings = Schema.decodeUnknownSync(Schema.Array(Binding))
const decodeDocuments = Schema.decodeUnknownSync(Schema.Array(Document))

const BINDING_COLUMNS = "agent_id AS agentId, tier, match_key AS matchKey, match_value AS matchValue, priority"

const AGENT_COLUMNS = `id, name, personality, model, runtime, dm_scope AS dmScope,
  options, created_at AS createdAt, updated_at AS updatedAt`

/** The column `options` holds the settings that an agent need not have, as JSON. */
const toAgent = ({ options, ...row }: Record<string, SQLOutputValue>): Agent =>
  decodeAgent({ ...row, ...JSON.parse(String(options)) })

export const agentSteps = (db: DatabaseSync): AgentStore => {
  const all = db.prepare(`SELECT ${AGENT_COLUMNS} FROM agents ORDER BY id <> ?, rowid`)
  const select = db.prepare(`SELECT ${AGENT_COLUMNS} FROM agents WHERE id = ?`)
  const countOthers = db.prepare("SELECT count(*) AS n FROM agents WHERE id <> ?")
  const put = db.prepare(
    `INSERT INTO agents (id, name, personality, model, runtime, dm_scope, options, created_at, updated_at)
     VALUES (:id, :name, :personality, :model, :runtime, :dmScope, :options, :createdAt, :updatedAt)
     ON CONFLICT DO UPDATE SET name = excluded.name, personality = excluded.personality, model = excluded.model,
       runtime = excluded.runtime, dm_scope = excluded.dm_scope, options = excluded.options,
       updated_at = excluded.updated_at`,
  )
  const remove = db.prepare("DELETE FROM agents WHERE id = ?")
  const removeBindings = db.prepare(`DELETE FROM bindings WHERE agent_id = ? RETURNING rowid, ${BINDING_COLUMNS}`)

  return {
    all: step(() => all.all(MAIN_AGENT).map(toAgent)),
    get: (id) =>
      step(() => {
        const row = select.get(id)
        return row === undefined ? undefined : toAgent(row)
      }),
    countOthers: step(() => Number(countOthers.get(MAIN_AGENT)?.["n"])),
    put: (agent) =>
      step(() => {
        const { createdAt, dmScope, id, model, name, personality, runtime, updatedAt } = agent
        put.run({ id, name, personality, model, runtime, dmScope, options: agentOptions(agent), createdAt, updatedAt })
      }),
    remove: (id) =>
      step(() => {
        if (remove.run(id).changes === 0) return undefined
        const rows = removeBindings.all(id).toSorted((a, b) => Number(a["rowid"]) - Number(b["rowid"]))
        return decodeBindings(rows)
      }),
  }
}

export const bindingSteps = (db: DatabaseSync): BindingStore => {
  const OF_KEY = "agent_id = ? AND match_key = ? AND match_value = ?"
  const all = db.prepare(`SELECT ${BINDING_COLUMNS} FROM bindings ORDER BY rowid`)
  const select = db.prepare(`SELECT ${BINDING_COLUMNS} FROM bindings WHERE ${OF_KEY}`)
  const count = db.prepare("SELECT count(*) AS n FROM bindings")
  const put = db.prepare(`INSERT INTO bindings (agent_id, tier, match_key, match_value, priority) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET priority = excluded.priority WHERE priority <> excluded.priority`)
  const remove = db.prepare(`DELETE FROM bindings WHERE ${OF_KEY} RETURNING ${BINDING_COLUMNS}`)
  const valuesOf = ({ agentId, matchKey, matchValue }: BindingKey) => [agentId, matchKey, matchValue] as const

  return {
    all: step(() => decodeBindings(all.all())),
    get: (key) => step(() => decodeBindings(select.all(...valuesOf(key)))[0]),
    count: step(() => Number(count.get()?.["n"])),
    put: ({ agentId, matchKey, matchValue, priority, tier }) =>
      step(() => put.run(agentId, tier, matchKey, matchValue, priority).changes > 0),
    remove: (key) => step(() => decodeBindings(remove.all(...valuesOf(key)))[0]),
  }
}

export const documentSteps = (db: DatabaseSync): DocumentStore => {
  const all = db.prepare("SELECT id, size, modified_at AS modifiedAt FROM documents")
  const put = db.prepare("INSERT OR REPLACE INTO documents (id, size, modified_at) VALUES (?, ?, ?)")
  const remove = db.prepare("DELETE FROM documents WHERE id = ?")
  return {
    all: step(() => decodeDocuments(all.all())),
    put: (documents) => step(() => documents.forEach(({ id, modifiedAt, size }) => put.run(id, size, modifiedAt))),
    remove: (ids) => step(() => ids.forEach((id) => remove.run(id))),
  }
}
