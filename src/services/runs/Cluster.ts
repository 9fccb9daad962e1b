/**
 * Cluster: what the session actors live in, for one process. Nothing of it is kept: what was promised stands in the
 * tables of the sessions, and who runs what is decided anew by every start. It knows no entity.
 */
import * as Layer from "effect/Layer"
import * as MessageStorage from "effect/cluster/MessageStorage"
import * as RunnerHealth from "effect/cluster/RunnerHealth"
import * as RunnerStorage from "effect/cluster/RunnerStorage"
import * as Runners from "effect/cluster/Runners"
import * as Sharding from "effect/cluster/Sharding"
import * as ShardingConfig from "effect/cluster/ShardingConfig"

const config = ShardingConfig.layer({
  // Shards divide work between processes. Here there is one.
  shardsPerGroup: 1,
  // Sessions are many and small; at a limit, a turn would wait until another session falls asleep.
  maxResidentEntities: "unbounded",
  simulateRemoteSerialization: false,
  entityTerminationTimeout: "2 seconds",
})

// What SingleRunner puts together, with a configuration of our own instead of the environment's.
export const layer: Layer.Layer<Sharding.Sharding> = Sharding.layer.pipe(
  Layer.provide(Runners.layerNoop),
  Layer.provide(MessageStorage.layerNoop),
  Layer.provide([RunnerStorage.layerMemory, RunnerHealth.layerNoop, config]),
)
