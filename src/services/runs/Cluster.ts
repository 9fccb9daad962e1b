/**
 * The cluster of the session actors, for one process. It stores nothing: the `turns` table holds the accepted work, and
 * each start assigns the actors again. Gateway.ts provides it.
 */
import * as Layer from "effect/Layer"
import * as MessageStorage from "effect/cluster/MessageStorage"
import * as RunnerHealth from "effect/cluster/RunnerHealth"
import * as RunnerStorage from "effect/cluster/RunnerStorage"
import * as Runners from "effect/cluster/Runners"
import * as Sharding from "effect/cluster/Sharding"
import * as ShardingConfig from "effect/cluster/ShardingConfig"

const config = ShardingConfig.layer({
  // Shards divide the work between processes, and this cluster has one.
  shardsPerGroup: 1,
  // Sessions are many and small. With a limit, a turn would wait until another session becomes idle.
  maxResidentEntities: "unbounded",
  simulateRemoteSerialization: false,
  entityTerminationTimeout: "2 seconds",
})

// The same parts as effect's SingleRunner, which would read its configuration from the environment.
export const layer: Layer.Layer<Sharding.Sharding> = Sharding.layer.pipe(
  Layer.provide(Runners.layerNoop),
  Layer.provide(MessageStorage.layerNoop),
  Layer.provide([RunnerStorage.layerMemory, RunnerHealth.layerNoop, config]),
)
