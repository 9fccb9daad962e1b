import { calls } from "./Calls.ts"
import { cancel } from "./Cancel.ts"
import { rpc } from "./drivers/Rpc.ts"
import { events } from "./Events.ts"
import { faults } from "./Faults.ts"
import { handshake } from "./Handshake.ts"
import { limited } from "./Limits.ts"
import { shutdown } from "./Shutdown.ts"

handshake(rpc)
calls(rpc)
faults(rpc)
events(rpc)
cancel(rpc)
limited(rpc)
// This wire does not close a slow reader but waits for it: see transport/rpc/RpcSubscription.test.ts.
shutdown(rpc)
