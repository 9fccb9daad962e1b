/**
 * Cluster: what the session actors live in, for one process. Their messages are kept in the gateway's database, so they
 * survive a crash; who runs what is not, so a new process serves at once. It knows no entity.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as MachineId from "effect/cluster/MachineId"
import * as RunnerHealth from "effect/cluster/RunnerHealth"
import * as RunnerStorage from "effect/cluster/RunnerStorage"
import * as Runners from "effect/cluster/Runners"
import * as Sharding from "effect/cluster/Sharding"
import * as ShardingConfig from "effect/cluster/ShardingConfig"
import * as Snowflake from "effect/cluster/Snowflake"
import * as SqlMessageStorage from "effect/cluster/SqlMessageStorage"
import * as Digest from "effect/crypto/Digest"
import * as SqlClient from "effect/sql/SqlClient"

/** Of the tables: `actor_messages`, `actor_replies`, `actor_migrations`. */
const PREFIX = "actor"

/** Younger messages may still be looked at by whoever has just answered them. */
const SWEEP_AFTER_MS = 60_000

/** As many rows as go in a few milliseconds. */
const SWEEP_ROWS = 2_000

const config = ShardingConfig.layer({
  // Shards divide work between processes. Here there is one, and each is a term of the query for new messages.
  shardsPerGroup: 1,
  // Sessions are many and small; at a limit, a send would wait until another session falls asleep.
  maxResidentEntities: "unbounded",
  simulateRemoteSerialization: false,
  entityTerminationTimeout: "2 seconds",
})

/** Messages that were answered are of no use: what a turn did is in the tables of the sessions. */
export const sweep = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const timestamp = (yield* Clock.currentTimeMillis) - SWEEP_AFTER_MS
  const before = String(Snowflake.make({ machineId: MachineId.make(0), sequence: 0, timestamp }))
  const answered = sql`SELECT id FROM ${sql(`${PREFIX}_messages`)}
    WHERE processed = 1 AND id < CAST(${before} AS INTEGER) ORDER BY id LIMIT ${SWEEP_ROWS}`
  while (true) {
    const swept = yield* sql.withTransaction(
      Effect.gen(function* () {
        yield* sql`DELETE FROM ${sql(`${PREFIX}_replies`)} WHERE request_id IN (${answered})`
        return yield* sql`DELETE FROM ${sql(`${PREFIX}_messages`)} WHERE id IN (${answered}) RETURNING 1 AS swept`
      }),
    )
    if (swept.length < SWEEP_ROWS) return
    yield* Effect.sleep("50 millis")
  }
}).pipe(Effect.withSpan("Cluster.sweep"))

const sweeper = Layer.effectDiscard(
  sweep.pipe(
    Effect.catchCause((cause) => Effect.logWarning("Answered messages could not be swept", cause)),
    Effect.repeat(Schedule.spaced("1 minute")),
    Effect.delay("1 minute"),
    Effect.forkScoped,
  ),
)

// What SingleRunner puts together, with a configuration and table names of our own instead of the environment's.
export const layer: Layer.Layer<Sharding.Sharding, never, SqlClient.SqlClient> = Layer.merge(
  Sharding.layer,
  sweeper,
).pipe(
  Layer.provide(Runners.layerNoop),
  Layer.provide(SqlMessageStorage.layerWith({ prefix: PREFIX })),
  Layer.provide([RunnerStorage.layerMemory, RunnerHealth.layerNoop, Digest.layerWebCrypto, config]),
)
